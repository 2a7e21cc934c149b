#include "cmocka_all.h"

#include "server/deadlines.h"

static void test_warns_once_then_ends(void **state)
{
    (void)state;
    struct deadlines d = {.limit_us = 1000, .idle_us = 500, .warning_us = 100};
    int64_t next = 0;
    assert_int_equal(deadlines_due(&d, 0, &next), DEADLINE_NONE);
    assert_int_equal(next, 400);
    assert_int_equal(deadlines_due(&d, 400, &next), DEADLINE_IDLE_WARNING);
    assert_int_equal(deadlines_due(&d, 400, &next), DEADLINE_NONE);
    assert_int_equal(next, 500);
    assert_int_equal(deadlines_due(&d, 500, &next), DEADLINE_IDLE);
}

static void test_input_clears_the_warning(void **state)
{
    (void)state;
    struct deadlines d = {.limit_us = 2000, .idle_us = 500, .warning_us = 100};
    int64_t next = 0;
    assert_false(deadlines_active(&d, 550));
    assert_int_equal(deadlines_due(&d, 450, &next), DEADLINE_IDLE_WARNING);
    assert_true(deadlines_active(&d, 950));
    assert_int_equal(deadlines_due(&d, 560, &next), DEADLINE_NONE);
    assert_int_equal(next, 850);
    assert_int_equal(deadlines_due(&d, 850, &next), DEADLINE_IDLE_WARNING);
    assert_false(deadlines_active(&d, 10) && d.idle_us < 950);
}

static void test_limit_comes_before_idle(void **state)
{
    (void)state;
    struct deadlines d = {.limit_us = 300, .idle_us = 400, .warning_us = 150};
    int64_t next = 0;
    assert_int_equal(deadlines_due(&d, 200, &next), DEADLINE_LIMIT_WARNING);
    // The idle limit lies behind the end: no second warning.
    assert_int_equal(deadlines_due(&d, 299, &next), DEADLINE_NONE);
    assert_int_equal(next, 300);
    assert_int_equal(deadlines_due(&d, 300, &next), DEADLINE_LIMIT);
}

static void test_a_clock_that_was_set_takes_no_time(void **state)
{
    (void)state;
    struct deadlines d = {.limit_us = 2000, .idle_us = 500, .warning_us = 100};
    int64_t next = 0;
    assert_int_equal(deadlines_due(&d, 450, &next), DEADLINE_IDLE_WARNING);
    deadlines_move(&d, 86400);
    assert_int_equal(deadlines_due(&d, 450 + 86400, &next), DEADLINE_NONE);
    assert_int_equal(next, 500 + 86400);
    deadlines_move(&d, -2 * 86400);
    assert_int_equal(deadlines_due(&d, 499 - 86400, &next), DEADLINE_NONE);
    assert_int_equal(deadlines_due(&d, 500 - 86400, &next), DEADLINE_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warns_once_then_ends),
        cmocka_unit_test(test_input_clears_the_warning),
        cmocka_unit_test(test_limit_comes_before_idle),
        cmocka_unit_test(test_a_clock_that_was_set_takes_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
