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

static int acknowledge(struct pace *p, uint64_t now_us, uint32_t sequence)
{
    struct path_acknowledgement acknowledgement = {.sequence = sequence};
    return pace_acknowledged(p, now_us, &acknowledgement);
}

// As after the hello, on a short way.
static void start(struct pace *p, uint32_t framerate, uint32_t bitrate_kbps)
{
    pace_init(p, framerate, bitrate_kbps, START);
    path_greeted(&p->path, START);
    assert_int_equal(acknowledge(p, START + 5 * MS, 0), 0);
}

static void first_damage_goes_at_once_then_by_the_frame_rate(void **state)
{
    (void)state;
    struct pace p;
    start(&p, 50, 100000);
    uint64_t now = START + 3 * SECOND;
    assert_int_equal(pace_wait(&p, now), 0);
    pace_sent(&p, now, 1, 1000, PACE_FINE);
    assert_int_equal(pace_wait(&p, now), 20 * MS);
    assert_int_equal(pace_wait(&p, now + 19 * MS), 1 * MS);
    assert_int_equal(pace_wait(&p, now + 20 * MS), 0);
    // One that is late does not delay the next.
    acknowledge(&p, now + 21 * MS, 1);
    pace_sent(&p, now + 25 * MS, 2, 1000, PACE_FINE);
    assert_int_equal(pace_wait(&p, now + 25 * MS), 15 * MS);
}

static void few_may_be_on_their_way(void **state)
{
    (void)state;
    struct pace p;
    start(&p, 60, 100000);
    uint64_t now = START;
    for (uint32_t i = 1; i <= 3; i++) {
        now += 20 * MS;
        assert_int_equal(pace_wait(&p, now), 0);
        pace_sent(&p, now, i * 10, 100, PACE_FINE); // an update may be several messages
    }
    now += SECOND;
    assert_true(pace_wait(&p, now) == PACE_FOREVER);
    assert_int_equal(acknowledge(&p, now, 9), 0); // a part of the first
    assert_true(pace_wait(&p, now) == PACE_FOREVER);
    assert_false(pace_permits_repair(&p));
    assert_int_equal(acknowledge(&p, now, 20), 0);
    assert_int_equal(pace_wait(&p, now), 0);
    assert_true(pace_permits_repair(&p));
    assert_int_equal(acknowledge(&p, now, 31), -EPROTO);
    assert_int_equal(acknowledge(&p, now, 30), 0);
    assert_int_equal(acknowledge(&p, now, 5), 0); // old news
}

static void a_repair_delays_no_damage(void **state)
{
    (void)state;
    struct pace p;
    start(&p, 60, 100000);
    pace_sent(&p, START + SECOND, 1, 1000, PACE_REPAIR);
    assert_int_equal(pace_wait(&p, START + SECOND), 0);
}

static void the_bucket_keeps_the_rate(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 60, 8000, START); // 1,000,000 bytes per second
    uint64_t now = START;
    uint64_t sent = 0;
    for (uint32_t i = 1; now < START + 10 * SECOND; i++) {
        uint64_t wait = pace_wait(&p, now);
        assert_true(wait != PACE_FOREVER);
        now += wait;
        pace_sent(&p, now, i, 50000, PACE_FINE);
        sent += 50000;
        assert_int_equal(acknowledge(&p, now + MS, i), 0);
    }
    assert_in_range(sent, 9800000, 10300000);
}

static int quantizer_for(struct pace *p, size_t macroblocks)
{
    struct pace_work work;
    for (int q = 0; q <= QUANTIZER_WORST; q++)
        work.macroblocks[q] = macroblocks;
    return pace_quantizer(p, START, &work, false);
}

static void the_quantizer_follows_the_cost(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 60, 20000, START);
    for (int i = 0; i < 40; i++)
        pace_learn(&p, 8160, false, 26, 20000);
    assert_int_equal(quantizer_for(&p, 8160), QUANTIZER_BEST);
    pace_learn(&p, 8160, false, 26, 2000000); // a hard picture is believed at once
    int quantizer = quantizer_for(&p, 8160);
    assert_in_range(quantizer, 40, QUANTIZER_WORST);
    // What it promises is what the model says of it.
    assert_int_equal(quantizer_for(&p, 10), QUANTIZER_BEST);
    assert_true(quantizer_for(&p, 4000) <= quantizer);
    // Macroblocks that a fine quantizer would refine, though unchanged, count where they would be coded.
    struct pace_work work;
    for (int q = 0; q <= QUANTIZER_WORST; q++)
        work.macroblocks[q] = q < 35 ? 8160 : 10;
    assert_int_equal(pace_quantizer(&p, START, &work, false), 35);
}

static void a_repair_fits_what_the_way_carries(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 60, 100, START); // 12,500 bytes per second
    for (int i = 0; i < 40; i++)
        pace_learn_repair(&p, 10, 10 * 1024);
    assert_in_range(pace_repair_macroblocks(&p, START, false), 1, 8);
    for (int i = 0; i < 40; i++)
        pace_learn_repair(&p, 100, 100 * 8);
    assert_in_range(pace_repair_macroblocks(&p, START, false), 400, 2000);
    assert_in_range(pace_repair_macroblocks(&p, START, true), 400, 520);
}

// Where even the coarsest frame is too large there are fewer of them; they come back with the room.
static void a_thin_way_costs_frames_last(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 60, 1000, START);
    pace_learn(&p, 1000, false, 20, 2000000);
    for (int i = 0; i < 100; i++)
        quantizer_for(&p, 1000);
    assert_int_equal(p.interval_us, 100 * MS);
    for (int i = 0; i < 100; i++)
        quantizer_for(&p, 1);
    assert_int_equal(p.interval_us, p.interval_min_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_damage_goes_at_once_then_by_the_frame_rate),
        cmocka_unit_test(few_may_be_on_their_way),
        cmocka_unit_test(a_repair_delays_no_damage),
        cmocka_unit_test(the_bucket_keeps_the_rate),
        cmocka_unit_test(the_quantizer_follows_the_cost),
        cmocka_unit_test(a_repair_fits_what_the_way_carries),
        cmocka_unit_test(a_thin_way_costs_frames_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
