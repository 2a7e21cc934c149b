#pragma once
// The parameters of one statement, in order; private to store/.

#include <stdint.h>

#include "auth/opaque_token.h"
#include "lib/ids.h"

#define ARGUMENTS_MAX 24
#define ARGUMENT_SPACE (2 + 2 * DIGEST_SIZE + 1) // the longest that is formatted here: a digest as \x...

struct arguments {
    const char *values[ARGUMENTS_MAX]; // NULL: SQL's NULL; texts are borrowed until the statement ran
    char space[ARGUMENTS_MAX][ARGUMENT_SPACE];
    int count;
};

// More than ARGUMENTS_MAX abort.
void argument_text(struct arguments *arguments, const char *text);
void argument_number(struct arguments *arguments, int64_t number);
void argument_id(struct arguments *arguments, const struct id *id); // NULL or nil: SQL's NULL
void argument_digest(struct arguments *arguments, const struct digest *digest);
