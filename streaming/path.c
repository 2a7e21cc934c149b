#include "streaming/path.h"

#include <errno.h>
#include <string.h>

#define SECOND_US UINT64_C(1000000)
#define RATE_MIN 12500u                  // bytes per second: 100 kbit/s
#define WINDOW_MIN 12288u                // bytes: a patch and a frame even on the thinnest way
#define UPDATES_BEYOND_FLOOR 3u          // on their way beyond those that the way's length hides
#define FLOOR_MAX_US (2 * SECOND_US)     // longer ways are not filled
#define FLOOR_PERIOD_US (10 * SECOND_US) // a changed route is learned within two of them
#define STALL_US SECOND_US    // later than this: the way was interrupted, which tells nothing of its capacity
#define LOADED_MIN 4096u      // fewer bytes measure the machines, not the way
#define SERVED_MIN 32768u     // bytes, or
#define SERVED_MIN_US 100000u // busy time, without which the rate is not judged
#define MEMORY_US 250000u     // busy time that is remembered

void path_init(struct path *p, uint64_t rate_max)
{
    *p = (struct path){.rate_max = rate_max, .rate = rate_max, .floor_us = {UINT64_MAX, UINT64_MAX}};
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t path_floor(const struct path *p)
{
    uint64_t floor = smaller(p->floor_us[0], p->floor_us[1]);
    return floor == UINT64_MAX ? 0 : smaller(floor, FLOOR_MAX_US);
}

static bool floor_known(const struct path *p)
{
    return smaller(p->floor_us[0], p->floor_us[1]) != UINT64_MAX;
}

static void learn_floor(struct path *p, uint64_t now_us, uint64_t travel_us)
{
    if (now_us - p->floor_period_us > FLOOR_PERIOD_US) {
        p->floor_us[1] = p->floor_us[0];
        p->floor_us[0] = UINT64_MAX;
        p->floor_period_us = now_us;
    }
    p->floor_us[0] = smaller(p->floor_us[0], travel_us);
    p->round_trip_us = p->round_trip_us ? (7 * p->round_trip_us + travel_us) / 8 : travel_us;
}

void path_greeted(struct path *p, uint64_t now_us)
{
    p->greeted = true;
    p->hello_us = p->floor_period_us = now_us;
}

void path_sent(struct path *p, uint64_t now_us, uint32_t sequence, size_t bytes, bool limited)
{
    p->flight_bytes += bytes;
    p->sent_sequence = sequence;
    p->flights[p->flight_count++] = (struct path_flight){.sequence = sequence,
                                                         .sent_us = now_us,
                                                         .bytes = bytes,
                                                         .loaded = p->flight_bytes,
                                                         .limited = limited};
}

size_t path_window(const struct path *p)
{
    return larger(p->rate * (path_floor(p) + PATH_QUEUE_US) / SECOND_US, WINDOW_MIN);
}

static size_t updates_permitted(const struct path *p, uint64_t interval_us)
{
    // Until the first answer nothing is known, and a second update would only wait behind the first.
    if (!floor_known(p))
        return 1;
    return smaller(UPDATES_BEYOND_FLOOR + path_floor(p) / interval_us, UPDATES_UNACKNOWLEDGED_MAX - 1);
}

bool path_permits(const struct path *p, uint64_t interval_us)
{
    return p->flight_count < updates_permitted(p, interval_us) && p->flight_bytes < path_window(p);
}

bool path_permits_echo(const struct path *p, uint64_t interval_us)
{
    return p->flight_count < updates_permitted(p, interval_us) + 1 &&
           p->flight_bytes < path_window(p) + PATH_ECHO_BYTES;
}

// What the bottleneck carries, from the updates that kept it busy lately.
static uint64_t measured_rate(const struct path *p)
{
    return p->served_bytes * SECOND_US / larger(p->served_for_us, 1);
}

static void learn_service(struct path *p, const struct path_flight *flight, uint64_t finished_us)
{
    uint64_t started_us = larger(flight->sent_us, p->served_us);
    p->served_us = larger(p->served_us, finished_us);
    if (flight->loaded < LOADED_MIN)
        return;
    p->served_bytes += flight->bytes;
    // What is far faster than ever used counts as that: it must not outweigh for seconds what comes after it.
    uint64_t least_us = flight->bytes * SECOND_US / (2 * p->rate_max);
    p->served_for_us += larger(finished_us > started_us ? finished_us - started_us : 0, least_us);
    while (p->served_for_us > MEMORY_US) {
        p->served_bytes /= 2;
        p->served_for_us /= 2;
    }
}

static void lower(struct path *p, uint64_t rate)
{
    p->rate = larger(smaller(p->rate, rate), RATE_MIN);
}

// A late update may be the first after a short pause of the browser, with all the others right behind it: what the way carries is judged
// when all that was on it has arrived.
static void judge(struct path *p, const struct path_flight *flight, uint64_t measured)
{
    // Others' queues are not shortened by sending less of little.
    if (p->doubted == 0 && (flight->loaded >= LOADED_MIN || flight->limited))
        p->doubted = p->sent_sequence;
    if (p->doubted == 0 || flight->sequence < p->doubted)
        return;
    p->doubted = 0;
    if (p->served_for_us > SERVED_MIN_US || p->served_bytes > SERVED_MIN)
        lower(p, measured - measured / 16);
}

static void adapt(struct path *p, const struct path_flight *flight)
{
    uint64_t measured = measured_rate(p);
    uint64_t own_us = flight->bytes * SECOND_US / p->rate;
    if (p->queue_us > PATH_QUEUE_US + path_floor(p) / 8) {
        judge(p, flight, measured);
        return;
    }
    if (flight->sequence >= p->doubted)
        p->doubted = 0;
    if (p->queue_us > PATH_QUEUE_US / 2 + own_us)
        return;
    // What the way has carried it will carry; more is tried only while it would be used.
    if (p->served_bytes > SERVED_MIN && measured / 4 * 3 > p->rate)
        p->rate = measured / 4 * 3;
    if (flight->limited)
        p->rate += p->rate / 32 + 1;
    p->rate = smaller(p->rate, p->rate_max);
}

static void land(struct path *p, uint64_t now_us, uint64_t arrived_us, const struct path_flight *flight)
{
    uint64_t travel_us = arrived_us > flight->sent_us ? arrived_us - flight->sent_us : 0;
    p->flight_bytes -= flight->bytes;
    // Sent before the end of a stall: it waited for that, whatever the way carries now.
    bool waited = flight->sent_us < p->stalled_us;
    if (floor_known(p) && travel_us > path_floor(p) + STALL_US && !waited &&
        p->stalled_us + 2 * STALL_US < now_us) {
        p->stalled_us = now_us;
        lower(p, p->rate - p->rate / 4);
        waited = true;
    }
    if (waited) {
        p->served_us = now_us;
        return;
    }
    learn_floor(p, now_us, travel_us);
    uint64_t floor_us = path_floor(p);
    p->queue_us = travel_us > floor_us ? travel_us - floor_us : 0;
    learn_service(p, flight, flight->sent_us + p->queue_us);
    adapt(p, flight);
}

int path_acknowledged(struct path *p, uint64_t now_us, const struct path_acknowledgement *acknowledgement)
{
    if (acknowledgement->sequence > p->sent_sequence)
        return -EPROTO;
    if (acknowledgement->sequence == 0 && p->greeted) {
        p->greeted = false;
        learn_floor(p, now_us, now_us - p->hello_us);
    }
    uint64_t decode_us = smaller(acknowledgement->decode_us, SECOND_US);
    p->decode_us = (uint32_t)((7 * (uint64_t)p->decode_us + decode_us) / 8);
    p->queued = acknowledgement->queued;
    size_t done = 0;
    for (; done < p->flight_count && p->flights[done].sequence <= acknowledgement->sequence; done++)
        land(p, now_us, now_us - decode_us, &p->flights[done]);
    p->flight_count -= done;
    memmove(p->flights, p->flights + done, p->flight_count * sizeof(p->flights[0]));
    return 0;
}
