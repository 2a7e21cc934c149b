#pragma once
// A sandbox-tick that a test watches: by its process and by how often each of its threads goes to sleep. Failures fail the running cmocka test.

#include <sys/types.h>
#include <time.h>

struct tick {
    pid_t pid;
    int pidfd;
    int load; // one that it is started with by the test itself
    int life;
    struct timespec deadline;
};

// Whatever is waited for has to come within sandboxd_deadline_ms of this.
void tick_watch(struct tick *tick, pid_t pid);
void tick_forget(struct tick *tick);
// For what is still to come of a process that lives.
void tick_wait(const struct tick *tick);
void tick_expect_end(const struct tick *tick);
// The caller frees it.
char *tick_read_status(pid_t pid, const char *thread);
void tick_until_confined(const struct tick *tick);
// Each of its threads has ticked a good deal since.
void tick_until_it_ticks(const struct tick *tick);
// No thread wakes up while several samples are taken.
void tick_until_quiet(const struct tick *tick);
