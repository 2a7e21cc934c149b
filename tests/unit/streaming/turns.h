#pragma once
// Whether processes got their turns: on a machine that is busy, silence tells nothing of one that was not let run.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// How long the process has waited for a processor in its life, ns; 0 when it is gone or the kernel does not tell (CONFIG_SCHED_INFO).
uint64_t turns_awaited_ns(pid_t pid);
// It runs or waits for a processor: it is not done.
bool turns_wanted(pid_t pid);
