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
    if (running > demand->processors)
        demand->until_ms = now_ms + DEMAND_HOLD_MS;
    return now_ms < demand->until_ms;
}
