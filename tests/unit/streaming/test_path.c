// The path and the pace against a bottleneck that is reckoned here: a link that carries so many bytes per second, one after the other,
// with a way there and back.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "streaming/pace.h"

#define MS UINT64_C(1000)
#define SECOND (1000 * MS)
#define START (7 * SECOND)
#define KBIT UINT64_C(125) // bytes per second
#define FRAMES_MAX 100000u
#define PATCH 600u // bytes of a typed letter

// One update after the other is served; the acknowledgement comes a round trip after the end of its service.
struct link {
    struct pace pace;
    uint64_t now_us;
    uint64_t rate, round_trip_us; // bytes per second
    uint64_t free_us;             // when the bottleneck has served all it was given
    uint64_t black_us[2];         // carries nothing from .. until
    uint64_t ends_us[FRAMES_MAX];
    uint32_t sent, acknowledged;
    uint64_t bytes;
    uint64_t delay_us, delay_max_us; // of the last update, of the worst
};

static void link_init(struct link *l, uint64_t rate, uint64_t round_trip_us, bool greets)
{
    *l = (struct link){.now_us = START, .rate = rate, .round_trip_us = round_trip_us, .free_us = START};
    pace_init(&l->pace, 30, 20000, START);
    path_greeted(&l->pace.path, START);
    if (greets) {
        l->now_us += round_trip_us;
        assert_int_equal(pace_acknowledged(&l->pace, l->now_us, &(struct path_acknowledgement){0}), 0);
    }
}

static void link_send(struct link *l, size_t bytes, enum pace_update kind)
{
    uint64_t from = l->now_us > l->free_us ? l->now_us : l->free_us;
    if (from >= l->black_us[0] && from < l->black_us[1])
        from = l->black_us[1];
    l->free_us = from + bytes * SECOND / l->rate;
    assert_true(l->sent + 1 < FRAMES_MAX);
    l->sent++;
    l->ends_us[l->sent] = l->free_us + l->round_trip_us;
    l->delay_us = l->ends_us[l->sent] - l->now_us;
    l->delay_max_us = l->delay_us > l->delay_max_us ? l->delay_us : l->delay_max_us;
    l->bytes += bytes;
    pace_sent(&l->pace, l->now_us, l->sent, bytes, kind);
}

static void link_advance(struct link *l, uint64_t to_us)
{
    while (l->acknowledged < l->sent && l->ends_us[l->acknowledged + 1] <= to_us) {
        uint32_t sequence = ++l->acknowledged;
        struct path_acknowledgement acknowledgement = {.sequence = sequence};
        assert_int_equal(pace_acknowledged(&l->pace, l->ends_us[sequence], &acknowledgement), 0);
    }
    l->now_us = to_us;
}

// A moving picture whose frames fill what they may have; `each` is a frame's size when it is not limited.
static void play(struct link *l, uint64_t until_us, size_t each)
{
    while (l->now_us < until_us) {
        if (pace_wait(&l->pace, l->now_us) == 0) {
            size_t allowance = pace_allowance(&l->pace, l->now_us);
            bool limited = allowance < each;
            link_send(l, limited ? allowance : each, limited ? PACE_LIMITED : PACE_FINE);
        }
        link_advance(l, l->now_us + MS);
    }
}

static void a_thin_link_is_used_without_a_queue(void **state)
{
    (void)state;
    static struct link l;
    link_init(&l, 2000 * KBIT, 80 * MS, true);
    link_send(&l, 100000, PACE_LIMITED); // the first key frame is a blind guess
    play(&l, START + 3 * SECOND, 40000);
    l.bytes = 0;
    l.delay_max_us = 0;
    play(&l, START + 23 * SECOND, 40000);
    assert_in_range(l.bytes * 100 / (2000 * KBIT * 20), 75, 101); // % of what the link carries
    assert_in_range(l.delay_max_us, 80 * MS, 220 * MS);
}

static void a_fast_link_is_not_slowed(void **state)
{
    (void)state;
    static struct link l;
    link_init(&l, 100000 * KBIT, 2 * MS, true);
    play(&l, START + 10 * SECOND, 40000);
    assert_int_equal(l.pace.path.rate, l.pace.path.rate_max);
    assert_in_range(l.sent, 295, 305);
}

// What is in flight grows with the way's length: the frame rate is that of a short one.
static void a_long_way_costs_no_frames(void **state)
{
    (void)state;
    for (uint64_t round_trip = 80; round_trip <= 400; round_trip *= 2) {
        static struct link l;
        link_init(&l, 20000 * KBIT, round_trip * MS, true);
        play(&l, START + 10 * SECOND, 20000);
        assert_in_range(l.sent, 270, 305);
        assert_in_range(l.delay_max_us, round_trip * MS, (round_trip + 60) * MS);
    }
}

static void a_narrowed_link_is_learned(void **state)
{
    (void)state;
    static struct link l;
    link_init(&l, 20000 * KBIT, 40 * MS, true);
    play(&l, START + 5 * SECOND, 40000);
    l.rate = 3000 * KBIT;
    play(&l, START + 7 * SECOND, 40000);
    l.delay_max_us = 0;
    play(&l, START + 12 * SECOND, 40000);
    assert_in_range(l.delay_max_us, 40 * MS, 180 * MS);
    l.rate = 20000 * KBIT;
    play(&l, START + 22 * SECOND, 40000);
    assert_in_range(l.pace.path.rate, 8000 * KBIT, 20000 * KBIT);
}

static void typing_on_a_thin_link_tells_nothing_wrong(void **state)
{
    (void)state;
    static struct link l;
    link_init(&l, 2000 * KBIT, 80 * MS, true);
    uint64_t rate = l.pace.path.rate;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(pace_wait(&l.pace, l.now_us), 0);
        l.round_trip_us = (80 + (uint64_t)i % 7 * 5) * MS; // busy machines
        link_send(&l, PATCH, PACE_FINE);
        link_advance(&l, l.now_us + 200 * MS);
    }
    assert_int_equal(l.pace.path.rate, rate);
}

static void the_echo_goes_ahead_of_a_full_window(void **state)
{
    (void)state;
    static struct link l;
    link_init(&l, 2000 * KBIT, 80 * MS, true);
    link_send(&l, 100000, PACE_LIMITED);
    play(&l, START + 3 * SECOND, 40000);
    unsigned waited = 0;
    uint64_t worst_us = 0;
    for (int i = 0; i < 100; i++) {
        play(&l, l.now_us + 97 * MS, 40000);
        for (; !pace_permits_echo(&l.pace); waited++)
            link_advance(&l, l.now_us + MS);
        link_send(&l, PATCH, PACE_ECHO);
        worst_us = l.delay_us > worst_us ? l.delay_us : worst_us;
    }
    assert_in_range(waited, 0, 100); // ms, of a hundred letters
    assert_in_range(worst_us, 80 * MS, 200 * MS);
}

static void a_blackout_leaves_no_residue(void **state)
{
    (void)state;
    static struct link l;
    link_init(&l, 4000 * KBIT, 80 * MS, true);
    play(&l, START + 5 * SECOND, 40000);
    uint64_t before = l.pace.path.rate, end = START + 10 * SECOND;
    l.black_us[0] = START + 5 * SECOND;
    l.black_us[1] = end;
    play(&l, end, 40000);
    // What waits is what was on its way: nothing was queued while nothing moved.
    assert_in_range(l.pace.path.flight_bytes, 1, 2 * path_window(&l.pace.path));
    play(&l, end + 500 * MS, 40000);
    l.delay_max_us = 0;
    play(&l, end + SECOND, 40000);
    assert_in_range(l.delay_max_us, 80 * MS, 220 * MS);
    play(&l, end + 3 * SECOND, 40000);
    assert_true(l.pace.path.rate > before / 2);
}

static void a_collapse_is_told_from_a_blackout(void **state)
{
    (void)state;
    static struct link l;
    link_init(&l, 10000 * KBIT, 40 * MS, true);
    play(&l, START + 5 * SECOND, 40000);
    l.rate = 300 * KBIT;
    play(&l, START + 25 * SECOND, 40000);
    l.delay_max_us = 0;
    play(&l, START + 30 * SECOND, 40000);
    assert_in_range(l.delay_max_us, 40 * MS, 600 * MS);
}

// A viewer that never answers gets one update, and no lie makes more than the maximum be on its way.
static void silence_and_lies_are_bounded(void **state)
{
    (void)state;
    static struct link l;
    link_init(&l, 2000 * KBIT, 80 * MS, false);
    link_send(&l, 1000, PACE_FINE);
    assert_true(pace_wait(&l.pace, l.now_us + 100 * SECOND) == PACE_FOREVER);
    struct path_acknowledgement lie = {.sequence = 2};
    assert_int_equal(pace_acknowledged(&l.pace, l.now_us, &lie), -EPROTO);
    static const uint32_t values[] = {0, 1, 999999, UINT32_MAX};
    uint32_t sent = 1;
    for (uint64_t now = START; now < START + 100 * SECOND; now += 7 * MS) {
        while (pace_wait(&l.pace, now) == 0) {
            sent++;
            pace_sent(&l.pace, now, sent, sent % 3 ? 100 : 5000000, PACE_LIMITED);
        }
        if (pace_permits_echo(&l.pace))
            pace_sent(&l.pace, now, ++sent, 8192, PACE_ECHO);
        assert_in_range(l.pace.path.flight_count, 1, UPDATES_UNACKNOWLEDGED_MAX);
        lie.sequence = sent - (uint32_t)(now / MS % 3);
        lie.decode_us = values[now / MS % 4];
        lie.queued = values[now / MS / 4 % 4];
        for (int flood = 0; flood < 3; flood++)
            assert_int_equal(pace_acknowledged(&l.pace, now, &lie), 0);
        assert_true(l.pace.path.rate <= l.pace.path.rate_max && l.pace.path.rate >= 12500);
        assert_true(l.pace.interval_us >= l.pace.interval_min_us && l.pace.interval_us <= 100 * MS);
        assert_true(path_window(&l.pace.path) <= l.pace.path.rate_max * 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thin_link_is_used_without_a_queue),
        cmocka_unit_test(a_fast_link_is_not_slowed),
        cmocka_unit_test(a_long_way_costs_no_frames),
        cmocka_unit_test(a_narrowed_link_is_learned),
        cmocka_unit_test(typing_on_a_thin_link_tells_nothing_wrong),
        cmocka_unit_test(the_echo_goes_ahead_of_a_full_window),
        cmocka_unit_test(a_blackout_leaves_no_residue),
        cmocka_unit_test(a_collapse_is_told_from_a_blackout),
        cmocka_unit_test(silence_and_lies_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
