#pragma once
// What the commands about one sandbox share.

#include <jansson.h>

#include "ctl/context.h"
#include "store/sandbox.h"

// The operand as an id; STATUS_OK, or STATUS_USAGE with the complaint made.
int sandbox_operand(const struct context *context, struct id *ret_id);
// The row of the operand. STATUS_OK, or another status with the complaint made.
int sandbox_row(struct context *context, struct store_sandbox *ret_row);
// Its rules as lines, "nothing" without any.
void sandbox_print_network(const char *network, const char *indent);
// {"memory_mb": ..., "cpu_percent": ..., "pids": ...}; NULL when memory is out.
json_t *sandbox_limits_json(const struct sandbox_limits *limits);
