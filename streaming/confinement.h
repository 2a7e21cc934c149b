#pragma once
// What is left of the process's powers from before the first byte of the X server or the browser on: the
// descriptors it holds, and memory.

#include "lib/streamer_channel.h"

// 0; -errno with the problem in words when a layer is not in force. The caller ends then.
int confinement_enter(const struct streamer_start *start, const char **ret_problem);
