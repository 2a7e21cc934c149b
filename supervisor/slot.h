#pragma once
// A row of the plan as it runs: its process, what it is about to do and until when.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/backoff.h"
#include "supervisor/plan.h"

enum slot_state {
    SLOT_IDLE,     // not started yet, or ended for good
    SLOT_STARTING, // deadline: ready_seconds
    SLOT_READY,    // deadline: watchdog_seconds, then it hangs
    SLOT_PAUSED,   // deadline: the next start
    SLOT_STOPPING, // deadline: stop_seconds, then SIGKILL
    SLOT_KILLED,
};

struct slot {
    const struct plan_row *row;
    enum slot_state state;
    pid_t pid;
    int64_t started, deadline; // ms; a deadline of 0 is none
    bool was_ready;
    struct backoff backoff;
    int notify_fd; // or -1
    char notify_path[128];
};

// Monotonic.
int64_t slot_now_ms(void);
// It has shown that it does not hang.
void slot_alive(struct slot *slot);
// Asks its program to end, once.
void slot_stop(struct slot *slot);
// How a process ended, for people; status as of waitpid(2).
void slot_describe_end(int status, char *text, size_t size);
