#include "cmocka_all.h"

#include <sodium.h>
#include <stdio.h>

#include "server/clock.h"
#include "server/limiter.h"
#include "server/limits.h"

#define START (1000 * SECOND_US)

static void test_bucket_fills_again(void **state)
{
    (void)state;
    struct bucket_rate rate = {.per_minute = 60, .burst = 3};
    struct bucket bucket = {0};
    for (int i = 0; i < 3; i++)
        assert_true(bucket_take(&bucket, &rate, 1, START));
    assert_false(bucket_take(&bucket, &rate, 1, START));
    assert_int_equal(bucket_wait_us(&bucket, &rate, 1, START), SECOND_US);
    assert_false(bucket_take(&bucket, &rate, 1, START + SECOND_US - 1));
    assert_true(bucket_take(&bucket, &rate, 1, START + SECOND_US));
    bucket_refund(&bucket, 1);
    assert_true(bucket_take(&bucket, &rate, 1, START + SECOND_US));
}

static void test_bucket_of_bytes(void **state)
{
    (void)state;
    struct bucket_rate rate = {.per_minute = BROWSER_BYTES_PER_SECOND * 60, .burst = BROWSER_BYTES_BURST};
    struct bucket bucket = {0};
    assert_true(bucket_take(&bucket, &rate, BROWSER_BYTES_BURST, START));
    assert_false(bucket_take(&bucket, &rate, 1, START));
    assert_true(bucket_take(&bucket, &rate, BROWSER_BYTES_PER_SECOND, START + SECOND_US));
    // A year later it is full, and no more than full.
    int64_t later = START + 365ll * 86400 * SECOND_US;
    assert_true(bucket_take(&bucket, &rate, BROWSER_BYTES_BURST, later));
    assert_false(bucket_take(&bucket, &rate, 1, later));
}

static void test_keys_are_apart(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_new((struct bucket_rate){.per_minute = 6, .burst = 2});
    assert_non_null(limiter);
    assert_int_equal(limiter_take(limiter, "a", START), 0);
    assert_int_equal(limiter_take(limiter, "a", START), 0);
    assert_int_equal(limiter_take(limiter, "a", START), 11);
    assert_int_equal(limiter_take(limiter, "b", START), 0);
    limiter_refund(limiter, "a");
    assert_int_equal(limiter_take(limiter, "a", START), 0);
    assert_true(limiter_take(limiter, "a", START + 5 * SECOND_US) > 0);
    limiter_free(limiter);
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_new((struct bucket_rate){.per_minute = 1, .burst = 1});
    assert_non_null(limiter);
    assert_int_equal(limiter_take(limiter, "victim", START), 0);
    for (int i = 0; i < LIMITER_ENTRIES * 4; i++) {
        char key[24];
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(limiter_take(limiter, key, START + 1 + i), 0);
    }
    limiter_free(limiter);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_fills_again),
        cmocka_unit_test(test_bucket_of_bytes),
        cmocka_unit_test(test_keys_are_apart),
        cmocka_unit_test(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
