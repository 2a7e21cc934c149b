#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/backoff.h"

static void test_waits_grow_to_five_seconds(void **state)
{
    static const int64_t waits[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
    struct backoff backoff = {0};
    (void)state;

    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        assert_int_equal(backoff_next(&backoff, 50), waits[i]);
}

static void test_a_long_life_starts_anew(void **state)
{
    struct backoff backoff = {0};
    (void)state;

    for (int i = 0; i < 5; i++)
        backoff_next(&backoff, 9999);
    assert_int_equal(backoff_next(&backoff, 10000), 0);
    assert_int_equal(backoff_next(&backoff, 1), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_grow_to_five_seconds),
        cmocka_unit_test(test_a_long_life_starts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
