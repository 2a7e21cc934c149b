#pragma once
// What is asked of a running sandbox, by its owner (PATCH /api/sandboxes/{id}) or an operator (sandboxctl): the same JSON object.

#include "server/change.h"

// 0, or -EINVAL with the sentence and the problem that it is.
int change_wish_read(const char *text, size_t length, const struct config *config, struct change_wish *wish,
                     enum problem *ret_problem, char wrong[static WISH_WRONG_MAX]);
