#pragma once
// What a request wishes of a sandbox's limits, checked. A refusal is a sentence that names the field and says what is possible.

#include <jansson.h>

#include "lib/config.h"
#include "lib/sandboxd_channel.h"

#define WISH_WRONG_MAX 400

// The most that one sandbox may have here.
struct sandbox_limits wish_limits_most(const struct config *config);
// Changes those limits that `value` names; NULL changes none. 0, or -EINVAL with the sentence.
int wish_read_limits(const json_t *value, const struct config *config, struct sandbox_limits *limits,
                     char wrong[static WISH_WRONG_MAX]);
