#pragma once
// Between sandboxes.c, which has the list of them, and sandbox_life.c, which has what becomes of each.

#include "server/sandboxes.h"

// sandboxes.c. NULL when memory is out.
struct sandbox *sandboxes_add(struct sandboxes *sandboxes, const struct store_sandbox *row);
void sandboxes_remove(struct sandbox *sandbox);
// Before the wall clock is read.
void sandboxes_check_clock(struct sandboxes *sandboxes);

// sandbox_life.c
void sandbox_tick(void *data); // of a sandbox's timer
void sandbox_ready(struct sandbox *sandbox, enum store_start start);
void sandbox_failed(struct sandbox *sandbox, const struct sandboxd_failed *failed);
// The wall clock was set.
void sandbox_move(struct sandbox *sandbox, int64_t step_us);
// sandboxd still has it. `known`: this process had it as well.
void sandbox_resume(struct sandbox *sandbox, bool known, bool ready);
