#include "server/deadlines.h"

enum deadline_event deadlines_due(struct deadlines *deadlines, int64_t now_us, int64_t *ret_next_us)
{
    if (now_us >= deadlines->limit_us)
        return DEADLINE_LIMIT;
    if (now_us >= deadlines->idle_us)
        return DEADLINE_IDLE;
    int64_t limit_warning = deadlines->limit_us - deadlines->warning_us;
    int64_t idle_warning = deadlines->idle_us - deadlines->warning_us;
    if (now_us >= limit_warning && !deadlines->limit_warned) {
        deadlines->limit_warned = true;
        return DEADLINE_LIMIT_WARNING;
    }
    // An idle limit behind the session limit never comes.
    if (now_us >= idle_warning && !deadlines->idle_warned && deadlines->idle_us < deadlines->limit_us) {
        deadlines->idle_warned = true;
        return DEADLINE_IDLE_WARNING;
    }
    int64_t next = deadlines->limit_warned ? deadlines->limit_us : limit_warning;
    int64_t idle_next = deadlines->idle_warned || idle_warning <= now_us ? deadlines->idle_us : idle_warning;
    *ret_next_us = idle_next < next ? idle_next : next;
    return DEADLINE_NONE;
}

void deadlines_move(struct deadlines *deadlines, int64_t step_us)
{
    deadlines->limit_us += step_us;
    deadlines->idle_us += step_us;
}

bool deadlines_active(struct deadlines *deadlines, int64_t idle_us)
{
    bool warned = deadlines->idle_warned;
    if (idle_us > deadlines->idle_us)
        deadlines->idle_us = idle_us;
    deadlines->idle_warned = false;
    return warned;
}
