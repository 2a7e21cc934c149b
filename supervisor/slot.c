#include "supervisor/slot.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

int64_t slot_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

void slot_alive(struct slot *slot)
{
    int seconds = slot->row->program.watchdog_seconds;

    slot->deadline = seconds > 0 ? slot_now_ms() + seconds * INT64_C(1000) : 0;
}

void slot_stop(struct slot *slot)
{
    const struct program *program = &slot->row->program;

    if (slot->state == SLOT_STOPPING || slot->state == SLOT_KILLED)
        return;
    // Ended in the middle, create-user could leave an administrator whose password nobody has seen.
    if (slot->row->step != PLAN_REMEMBER_ADMIN)
        kill(slot->pid, program->stop_signal);
    slot->state = SLOT_STOPPING;
    slot->deadline = slot_now_ms() + program->stop_seconds * INT64_C(1000);
}

void slot_describe_end(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
}
