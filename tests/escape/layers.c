// Each layer of each kind of sandbox, looked at from inside. Doors tell what is open; where several layers keep one shut, this tells that all of them are there.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/landlock.h"
#include "tests/escape/place.h"

static struct place place;

static void every_layer_is_there(void **state)
{
    (void)state;
    const char *arguments[] = {getenv("LAYERS"), place_profile_name(place.profile),
                               landlock_abi() > 0 ? "landlock" : "no landlock", NULL};
    assert_non_null(arguments[0]);
    AUTO_FREE char *text = place_run(&place, arguments);
    if (!strstr(text, " checks, 0 wrong"))
        fail_msg("%s", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_layer_is_there)};
    int failed = 0;
    for (int kind = 0; kind < PLACE_PROFILES; kind++) {
        for (int starter = 0; starter < PLACE_STARTERS; starter++) {
            place = (struct place){(enum place_profile)kind, (enum place_starter)starter};
            if (place_possible(&place))
                failed += cmocka_run_group_tests_name(place_name(&place), tests, NULL, NULL);
        }
    }
    return failed;
}
