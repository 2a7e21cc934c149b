#include "streaming/pace.h"

#include <errno.h>
#include <string.h>

#define SECOND_US UINT64_C(1000000)
#define RATE_MIN 12500u  // bytes per second: 100 kbit/s
#define BURST_DIVISOR 8u // the bucket holds this part of a second
#define BURST_MIN 65536  // bytes
#define DELAY_TOLERATED_US                                                                                   \
    120000u // an acknowledgement this much later than the fastest means a queue on the way
#define DELAY_FLOOR_DRIFT_US                                                                                 \
    50u // the floor rises by this with each acknowledgement, so that a changed route is learned
#define COST_P_START 60.0
#define COST_KEY_START 120.0
#define COST_MIN 0.5
#define COST_MEMORY 0.7
#define QUANTIZER_STEP 1.122462048309373 // 2^(1/6): six steps halve the bytes

void pace_init(struct pace *p, uint32_t framerate, uint32_t bitrate_kbps, uint64_t now_us)
{
    *p = (struct pace){.interval_us = SECOND_US / framerate,
                       .next_us = now_us,
                       .rate_max = (uint64_t)bitrate_kbps * 1000 / 8,
                       .tokens_us = now_us,
                       .delay_floor_us = UINT64_MAX,
                       .cost = {COST_P_START, COST_KEY_START}};
    p->rate = p->rate_max;
    p->tokens = BURST_MIN;
}

static int64_t burst(const struct pace *p)
{
    int64_t bytes = (int64_t)(p->rate / BURST_DIVISOR);
    return bytes > BURST_MIN ? bytes : BURST_MIN;
}

static void refill(struct pace *p, uint64_t now_us)
{
    uint64_t passed = now_us - p->tokens_us;
    // A day of idleness fills the bucket as a minute does; the cap keeps the product small.
    passed = passed < 60 * SECOND_US ? passed : 60 * SECOND_US;
    uint64_t earned = passed * p->rate / SECOND_US;
    if (earned == 0)
        return;
    p->tokens_us = now_us;
    p->tokens += (int64_t)earned;
    if (p->tokens > burst(p))
        p->tokens = burst(p);
}

uint64_t pace_wait(struct pace *p, uint64_t now_us)
{
    if (p->flight_count == FRAMES_UNACKNOWLEDGED_MAX)
        return PACE_FOREVER;
    refill(p, now_us);
    uint64_t wait = p->next_us > now_us ? p->next_us - now_us : 0;
    if (p->tokens < 0) {
        uint64_t debt = (uint64_t)-p->tokens * SECOND_US / p->rate + 1;
        wait = debt > wait ? debt : wait;
    }
    return wait;
}

size_t pace_allowance(struct pace *p, uint64_t now_us)
{
    refill(p, now_us);
    uint64_t share = p->rate * p->interval_us / SECOND_US;
    uint64_t saved = p->tokens > 0 ? (uint64_t)p->tokens : 0;
    uint64_t allowance = saved > share ? saved : share;
    return allowance < STREAM_MESSAGE_MAX / 2 ? allowance : STREAM_MESSAGE_MAX / 2;
}

int pace_quantizer(struct pace *p, uint64_t now_us, const struct pace_work *work, bool key_frame)
{
    double allowance = (double)pace_allowance(p, now_us);
    double cost = p->cost[key_frame];
    int quantizer = QUANTIZER_BEST;
    while (quantizer < QUANTIZER_WORST && cost * (double)work->macroblocks[quantizer] > allowance) {
        cost /= QUANTIZER_STEP;
        quantizer++;
    }
    return quantizer;
}

void pace_learn(struct pace *p, size_t macroblocks, bool key_frame, int quantizer, size_t bytes)
{
    if (macroblocks == 0)
        return;
    double cost = (double)bytes / (double)macroblocks;
    for (int q = QUANTIZER_BEST; q < quantizer; q++)
        cost *= QUANTIZER_STEP;
    double *known = &p->cost[key_frame];
    *known = cost > *known ? cost : *known * COST_MEMORY + cost * (1 - COST_MEMORY);
    if (*known < COST_MIN)
        *known = COST_MIN;
}

void pace_sent(struct pace *p, uint64_t now_us, uint32_t sequence, size_t bytes, enum pace_update kind)
{
    refill(p, now_us);
    p->tokens -= (int64_t)bytes;
    // A late update does not shift the following ones, unless the stream was idle.
    if (kind != PACE_REPAIR) {
        uint64_t next = p->next_us + p->interval_us;
        p->next_us = next > now_us ? next : now_us + p->interval_us;
    }
    p->sent_sequence = sequence;
    p->flights[p->flight_count++] =
        (struct pace_flight){.sequence = sequence, .sent_us = now_us, .limited = kind == PACE_LIMITED};
}

bool pace_permits_repair(const struct pace *p)
{
    return p->flight_count <= 1;
}

static void adapt(struct pace *p, uint64_t now_us, const struct pace_flight *flight)
{
    uint64_t delay = now_us - flight->sent_us;
    if (delay < p->delay_floor_us)
        p->delay_floor_us = delay;
    else
        p->delay_floor_us += DELAY_FLOOR_DRIFT_US;
    if (delay > p->delay_floor_us + DELAY_TOLERATED_US) {
        if (flight->sent_us < p->backoff_us)
            return; // sent before the last step down could help
        p->backoff_us = now_us;
        p->rate = p->rate * 3 / 4 > RATE_MIN ? p->rate * 3 / 4 : RATE_MIN;
    } else if (flight->limited) {
        p->rate += p->rate / 32 + 1;
    }
    if (p->rate > p->rate_max)
        p->rate = p->rate_max;
}

int pace_acknowledged(struct pace *p, uint64_t now_us, uint32_t sequence)
{
    if (sequence > p->sent_sequence)
        return -EPROTO;
    size_t done = 0;
    while (done < p->flight_count && p->flights[done].sequence <= sequence)
        adapt(p, now_us, &p->flights[done++]);
    p->flight_count -= done;
    memmove(p->flights, p->flights + done, p->flight_count * sizeof(p->flights[0]));
    return 0;
}
