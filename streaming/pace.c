#include "streaming/pace.h"

#include <stddef.h>

#define SECOND_US UINT64_C(1000000)
#define BURST_DIVISOR 16u       // the bucket holds this part of a second
#define BURST_MIN 8192          // bytes
#define ALLOWANCE_MIN 4096u     // bytes: no update is squeezed into less
#define INTERVAL_MAX_US 100000u // ten frames per second are shown however coarse they are
#define QUANTIZER_COARSE 38     // beyond it fewer frames are the smaller evil
#define QUANTIZER_GOOD 32       // up to it there is room for more frames
#define BROWSER_QUEUE 8u        // messages not yet painted: the browser does not keep up
#define REPAIR_BUSY_US 20000u   // of the way, for a repair that an echo may have to wait for
#define REPAIR_COST_START 400.0 // bytes of a macroblock
#define COST_P_START 60.0
#define COST_KEY_START 120.0
#define COST_MIN 0.5
#define COST_MEMORY 0.7
#define QUANTIZER_STEP 1.122462048309373 // 2^(1/6): six steps halve the bytes

static int64_t burst(const struct pace *p)
{
    int64_t bytes = (int64_t)(p->path.rate / BURST_DIVISOR);
    return bytes > BURST_MIN ? bytes : BURST_MIN;
}

void pace_init(struct pace *p, uint32_t framerate, uint32_t bitrate_kbps, uint64_t now_us)
{
    *p = (struct pace){.interval_min_us = SECOND_US / framerate,
                       .next_us = now_us,
                       .tokens_us = now_us,
                       .cost = {COST_P_START, COST_KEY_START},
                       .repair_cost = REPAIR_COST_START};
    p->interval_us = p->interval_min_us;
    path_init(&p->path, (uint64_t)bitrate_kbps * 1000 / 8);
    p->tokens = burst(p);
}

static void refill(struct pace *p, uint64_t now_us)
{
    uint64_t passed = now_us - p->tokens_us;
    // A day of idleness fills the bucket as a minute does; the cap keeps the product small.
    passed = passed < 60 * SECOND_US ? passed : 60 * SECOND_US;
    uint64_t earned = passed * p->path.rate / SECOND_US;
    if (earned == 0)
        return;
    p->tokens_us = now_us;
    p->tokens += (int64_t)earned;
    if (p->tokens > burst(p))
        p->tokens = burst(p);
}

uint64_t pace_wait(struct pace *p, uint64_t now_us)
{
    if (!path_permits(&p->path, p->interval_us))
        return PACE_FOREVER;
    refill(p, now_us);
    uint64_t wait = p->next_us > now_us ? p->next_us - now_us : 0;
    if (p->tokens < 0) {
        uint64_t debt = (uint64_t)-p->tokens * SECOND_US / p->path.rate + 1;
        wait = debt > wait ? debt : wait;
    }
    return wait;
}

size_t pace_allowance(struct pace *p, uint64_t now_us)
{
    refill(p, now_us);
    uint64_t share = p->path.rate * p->interval_us / SECOND_US;
    uint64_t saved = p->tokens > 0 ? (uint64_t)p->tokens : 0;
    uint64_t allowance = saved > share ? saved : share;
    size_t window = path_window(&p->path);
    size_t room = window > p->path.flight_bytes ? window - p->path.flight_bytes : 0;
    allowance = allowance < room ? allowance : room;
    allowance = allowance > ALLOWANCE_MIN ? allowance : ALLOWANCE_MIN;
    return allowance < STREAM_MESSAGE_MAX / 2 ? allowance : STREAM_MESSAGE_MAX / 2;
}

static void set_interval(struct pace *p, uint64_t interval_us)
{
    interval_us = interval_us > p->interval_min_us ? interval_us : p->interval_min_us;
    uint64_t longest = INTERVAL_MAX_US > p->interval_min_us ? INTERVAL_MAX_US : p->interval_min_us;
    p->interval_us = interval_us < longest ? interval_us : longest;
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
    if (quantizer > QUANTIZER_COARSE && !key_frame)
        set_interval(p, p->interval_us + p->interval_us / 8);
    else if (quantizer < QUANTIZER_GOOD && p->path.queued < BROWSER_QUEUE)
        set_interval(p, p->interval_us - p->interval_us / 16);
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
    if (kind == PACE_FINE || kind == PACE_LIMITED) {
        uint64_t next = p->next_us + p->interval_us;
        p->next_us = next > now_us ? next : now_us + p->interval_us;
    }
    if (kind == PACE_FINE && p->path.queued < BROWSER_QUEUE)
        set_interval(p, p->interval_us - p->interval_us / 4);
    path_sent(&p->path, now_us, sequence, bytes, kind == PACE_LIMITED);
}

bool pace_permits_echo(const struct pace *p)
{
    return path_permits_echo(&p->path, p->interval_us);
}

bool pace_permits_repair(const struct pace *p)
{
    return p->path.flight_count <= 1;
}

size_t pace_repair_macroblocks(struct pace *p, uint64_t now_us, bool busy)
{
    size_t allowance = pace_allowance(p, now_us);
    size_t brief = p->path.rate * REPAIR_BUSY_US / SECOND_US;
    brief = brief > ALLOWANCE_MIN ? brief : ALLOWANCE_MIN;
    double fit = (double)(busy && brief < allowance ? brief : allowance) / p->repair_cost;
    return fit < 1 ? 1 : (size_t)fit;
}

void pace_learn_repair(struct pace *p, size_t macroblocks, size_t bytes)
{
    double cost = (double)bytes / (double)macroblocks;
    p->repair_cost = cost > p->repair_cost ? cost : p->repair_cost * COST_MEMORY + cost * (1 - COST_MEMORY);
    if (p->repair_cost < COST_MIN)
        p->repair_cost = COST_MIN;
}

int pace_acknowledged(struct pace *p, uint64_t now_us, const struct path_acknowledgement *acknowledgement)
{
    uint64_t rate = p->path.rate;
    int error = path_acknowledged(&p->path, now_us, acknowledgement);
    // What was sent at a higher rate is not owed at the lower one: what it cost the way is known by now.
    if (p->path.rate < rate && p->tokens < -burst(p))
        p->tokens = -burst(p);
    if (!error && acknowledgement->queued >= BROWSER_QUEUE)
        set_interval(p, p->interval_us + p->interval_us / 8);
    return error;
}
