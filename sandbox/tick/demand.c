#include "sandbox/tick/demand.h"

#define LOADS 3
#define RUNNING_DIGITS_MAX 7 // pid_max is at most 2^22

static const char *skip_load(const char *at, const char *end)
{
    while (at < end && ((*at >= '0' && *at <= '9') || *at == '.'))
        at++;
    return at < end && *at == ' ' ? at + 1 : end;
}

bool demand_parse(const char *text, size_t length, unsigned *ret_running)
{
    const char *at = text, *end = text + length;
    for (unsigned i = 0; i < LOADS; i++)
        at = skip_load(at, end);
    unsigned running = 0, digits = 0;
    for (; at < end && *at >= '0' && *at <= '9' && digits <= RUNNING_DIGITS_MAX; at++, digits++)
        running = running * 10 + (unsigned)(*at - '0');
    if (digits == 0 || digits > RUNNING_DIGITS_MAX || at == end || *at != '/')
        return false;
    *ret_running = running;
    return true;
}

bool demand_sample(struct demand *demand, uint64_t now_ms, unsigned running)
{
    bool all = running > demand->processors;
    if (all && demand->suspected)
        demand->until_ms = now_ms + DEMAND_HOLD_MS;
    demand->suspected = all && !demand->suspected;
    demand->idle = running <= 1;
    return now_ms < demand->until_ms;
}

int demand_pause_ms(const struct demand *demand, bool wanted)
{
    if (demand->suspected)
        return DEMAND_AGAIN_MS;
    if (wanted)
        return DEMAND_TICKING_MS;
    return demand->idle ? DEMAND_IDLE_MS : DEMAND_QUIET_MS;
}
