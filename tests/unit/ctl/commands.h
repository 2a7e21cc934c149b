#pragma once
// What the tests of the commands share: a database that is there, and what a command has told.

#include <jansson.h>

#include "run.h"
#include "store_testing.h"

// These want a `static struct run result`, which is that of the last command.
#define RUN(input, ...) run_program(&result, (input), (const char *const[]){__VA_ARGS__, NULL})
#define assert_status(expected)                                                                              \
    do {                                                                                                     \
        if (result.status != (expected))                                                                     \
            print_error("%s%s", result.output, result.errors);                                               \
        assert_int_equal(result.status, (expected));                                                         \
    } while (0)
#define assert_says(text, part) assert_non_null(strstr((text), (part)))

// Group fixture; *state is a struct testing. Without migrations; no setting in the environment but the database.
int commands_set_up(void **state);
// The run's output, which is an array. The caller drops it.
json_t *commands_parse_output(const struct run *run);
// The row whose member has that value; NULL: there is none.
const json_t *commands_find_row(const json_t *array, const char *member, const char *value);
