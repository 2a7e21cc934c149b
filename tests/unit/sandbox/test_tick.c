// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
// When sandbox-tick ticks.
#include <string.h>

#include "sandbox/tick/demand.h"

static void reads_how_many_tasks_want_a_processor(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned running;
    } good[] = {{"0.24 1.53 1.64 2/345 12345\n", 2},
                {"0.00 0.00 0.00 1/1 1", 1},
                {"1234.56 99.00 8.01 1044/70000 4194304\n", 1044},
                {"0.00 0.00 0.00 4194304/", 4194304}};
    static const char *const bad[] = {"",
                                      "0.24 1.53 1.64",
                                      "0.24 1.53 1.64 ",
                                      "0.24 1.53 1.64 2",
                                      "0.24 1.53 1.64 /345 12345",
                                      "0.24 1.53 2/345 12345",
                                      "0.24 1.53 1.64 1.64 2/345",
                                      "0.24 1.53 1.64 -2/345 12345",
                                      "0.24  1.53 1.64 2/345 12345",
                                      "nonsense",
                                      "0.24 1.53 1.64 12345678/345 12345",
                                      "0.24 1.53 1.64 123456789012345678901/345 12345"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        unsigned running = 0;
        assert_true(demand_parse(good[i].text, strlen(good[i].text), &running));
        assert_int_equal(running, good[i].running);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unsigned running = 77;
        assert_false(demand_parse(bad[i], strlen(bad[i]), &running));
        assert_int_equal(running, 77);
    }
}

// No byte beyond the length is read: the sanitizers watch.
static void reads_no_further_than_the_text(void **state)
{
    (void)state;
    const char text[] = "0.24 1.53 1.64 2/345";
    unsigned running;
    for (size_t length = 0; length < sizeof(text) - 1; length++) {
        char *exact = test_malloc(length + 1);
        memcpy(exact + 1, text, length);
        assert_int_equal(demand_parse(exact + 1, length, &running), length > strcspn(text, "/"));
        test_free(exact);
    }
}

// As long as it takes to be sure.
static bool sample_twice(struct demand *demand, uint64_t now_ms, unsigned running)
{
    demand_sample(demand, now_ms, running);
    return demand_sample(demand, now_ms, running);
}

static void a_processor_that_has_nothing_to_do_is_reason_enough_not_to_tick(void **state)
{
    (void)state;
    struct demand demand = {.processors = 4};
    for (unsigned running = 1; running <= 4; running++) // itself, and one for each processor but one
        assert_false(sample_twice(&demand, 1000, running));
    assert_true(sample_twice(&demand, 1000, 5));
}

// As when tasks that wait for the same moment wake up.
static void who_is_gone_a_moment_later_has_wanted_nothing(void **state)
{
    (void)state;
    struct demand demand = {.processors = 2};
    for (uint64_t now = 1000; now < 3000; now += 2 * DEMAND_AGAIN_MS) {
        assert_false(demand_sample(&demand, now, 3));
        assert_int_equal(demand_pause_ms(&demand, false), DEMAND_AGAIN_MS);
        assert_false(demand_sample(&demand, now + DEMAND_AGAIN_MS, 2));
        assert_int_equal(demand_pause_ms(&demand, false), DEMAND_QUIET_MS);
    }
    assert_false(demand_sample(&demand, 3000, 3));
    assert_true(demand_sample(&demand, 3000 + DEMAND_AGAIN_MS, 3));
    assert_int_equal(demand_pause_ms(&demand, true), DEMAND_TICKING_MS);
    assert_false(demand_sample(&demand, 3000 + DEMAND_AGAIN_MS + DEMAND_HOLD_MS, 1));
    assert_int_equal(demand_pause_ms(&demand, false), DEMAND_IDLE_MS);
}

static void ticks_until_nothing_was_wanted_for_a_while(void **state)
{
    (void)state;
    struct demand demand = {.processors = 2};
    assert_true(sample_twice(&demand, 5000, 3));
    assert_true(demand_sample(&demand, 5000 + DEMAND_HOLD_MS - 1, 1));
    assert_true(sample_twice(&demand, 5000 + DEMAND_HOLD_MS - 1, 9)); // again: it begins anew
    assert_true(demand_sample(&demand, 5000 + 2 * DEMAND_HOLD_MS - 2, 1));
    assert_false(demand_sample(&demand, 5000 + 2 * DEMAND_HOLD_MS - 1, 1));
    assert_false(demand_sample(&demand, UINT64_MAX - DEMAND_HOLD_MS, 2));
}

static void one_processor_is_wanted_by_one_task(void **state)
{
    (void)state;
    struct demand demand = {.processors = 1};
    assert_false(sample_twice(&demand, 1, 1));
    assert_true(sample_twice(&demand, 1, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_how_many_tasks_want_a_processor),
        cmocka_unit_test(reads_no_further_than_the_text),
        cmocka_unit_test(a_processor_that_has_nothing_to_do_is_reason_enough_not_to_tick),
        cmocka_unit_test(who_is_gone_a_moment_later_has_wanted_nothing),
        cmocka_unit_test(ticks_until_nothing_was_wanted_for_a_while),
        cmocka_unit_test(one_processor_is_wanted_by_one_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
