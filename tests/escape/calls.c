// Random system calls inside a sandbox of each kind, with the host's state compared before and after. The seeds are fixed, and printed.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tests/escape/canary.h"
#include "tests/escape/host_state.h"
#include "tests/escape/place.h"

#define CALLS_EACH "40000"

static struct place place;

static void fuzz(const char *seed)
{
    const char *count = getenv("FUZZ_CALLS") ? getenv("FUZZ_CALLS") : CALLS_EACH;
    const char *arguments[] = {getenv("FUZZER"), seed, count, NULL};
    struct host_state before;
    struct canary canary;
    char start[64];
    canary_start(&canary);
    host_state_read(&before);
    AUTO_FREE char *text = place_run(&place, arguments);
    host_state_expect(&before);
    canary_stop(&canary);
    printf("%s: %s", place_name(&place), text);
    snprintf(start, sizeof(start), "seed %s: %s calls", seed, count);
    assert_true(strncmp(text, start, strlen(start)) == 0);
}

static void random_calls_leave_the_host_alone(void **state)
{
    (void)state;
    fuzz("1");
}

static void other_random_calls_do_as_well(void **state)
{
    (void)state;
    fuzz("20260712");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_calls_leave_the_host_alone),
        cmocka_unit_test(other_random_calls_do_as_well),
    };
    host_state_own_mounts();
    int failed = 0;
    for (int profile = 0; profile < PLACE_PROFILES; profile++) {
        for (int starter = 0; starter < PLACE_STARTERS; starter++) {
            place = (struct place){(enum place_profile)profile, (enum place_starter)starter};
            if (place_possible(&place))
                failed += cmocka_run_group_tests_name(place_name(&place), tests, NULL, NULL);
        }
    }
    return failed;
}
