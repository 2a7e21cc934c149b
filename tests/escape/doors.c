// Every class of attack that has led out of a sandbox, tried in each kind of sandbox and from within the streamer and the tick: a class holds when its doors are shut. And the score: the
// doors that may be open are named in open_doors.txt, each with its reason in docs/THREATS.md.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/escape/canary.h"
#include "tests/escape/classes.h"
#include "tests/escape/place.h"

#define LISTS_MAX_BYTES (1u << 18)
#define DOORS_AT_LEAST 240
#define OPEN_OUTSIDE_AT_LEAST 190

static struct place place;
static const char *profile; // its name in open_doors.txt
static const char *where;   // for people
static char *verdicts;      // of the doors, in the place that is attacked
static char *allowed;       // open_doors.txt
static char *threats;       // docs/THREATS.md

static char *read_list(const char *variable)
{
    char *text;
    assert_non_null(getenv(variable));
    assert_int_equal(read_file_at(AT_FDCWD, getenv(variable), LISTS_MAX_BYTES, &text, NULL), 0);
    return text;
}

// The line of a door, which starts with its verdict: what stands before the name.
static bool is_open(const char *text, const char *door)
{
    size_t length = strlen(door);
    for (const char *at = strstr(text, door); at; at = strstr(at + 1, door)) {
        if (at == text || at[-1] != '\t' || at[length] != '\t')
            continue;
        const char *line = at;
        while (line > text && line[-1] != '\n')
            line--;
        return strncmp(line, "open\t", 5) == 0;
    }
    print_error("no door \"%s\" in:\n%s\n", door, text);
    fail();
    return true;
}

// A line of the list: profile, tab, door.
static bool is_allowed(const char *door)
{
    char line[160];
    snprintf(line, sizeof(line), "\n%s\t%s\n", profile, door);
    return strstr(allowed, line);
}

static void class_holds(void **state)
{
    const struct attack_class *class = *state;
    for (size_t i = 0; class->doors[i]; i++) {
        if (is_open(verdicts, class->doors[i]) && !is_allowed(class->doors[i])) {
            print_error("%s: \"%s\" is open in %s\n", class->name, class->doors[i], where);
            fail();
        }
    }
}

struct open_door {
    char name[120];
};

// The next open door after *at, which moves on.
static bool next_open(const char **at, struct open_door *door)
{
    const char *line = *at ? *at : verdicts;
    for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, "open\t", 5) != 0)
            continue;
        const char *name = strchr(line + 5, '\t') + 1;
        snprintf(door->name, sizeof(door->name), "%.*s", (int)strcspn(name, "\t\n"), name);
        *at = line + strcspn(line, "\n");
        return true;
    }
    return false;
}

static void the_score_does_not_grow(void **state)
{
    (void)state;
    unsigned grown = 0;
    struct open_door door;
    for (const char *at = NULL; next_open(&at, &door);) {
        if (!is_allowed(door.name)) {
            print_error("\"%s\" is open in %s\n", door.name, where);
            grown++;
        }
    }
    assert_int_equal(grown, 0);
}

static void each_open_door_is_explained(void **state)
{
    (void)state;
    struct open_door door;
    for (const char *at = NULL; next_open(&at, &door);) {
        char row[160];
        snprintf(row, sizeof(row), "| %s |", door.name);
        if (!strstr(threats, row)) {
            print_error("docs/THREATS.md has no row \"%s\"\n", row);
            fail();
        }
    }
}

// A list that allows what is shut everywhere would hide the day on which it opens.
static void the_list_allows_no_shut_door(void **state)
{
    (void)state;
    for (const char *line = allowed; (line = strchr(line, '\n')); line++) {
        char door[120];
        if (strncmp(line + 1, profile, strlen(profile)) != 0 || line[1 + strlen(profile)] != '\t')
            continue;
        const char *name = line + strlen(profile) + 2;
        snprintf(door, sizeof(door), "%.*s", (int)strcspn(name, "\n"), name);
        if (!is_open(verdicts, door)) {
            print_error("\"%s\" is shut in %s\n", door, where);
            fail();
        }
    }
}

static unsigned count(const char *text, const char *start)
{
    unsigned lines = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
        lines += strncmp(line, start, strlen(start)) == 0;
    return lines;
}

static int count_doors(void)
{
    unsigned open = count(verdicts, "open\t"), all = open + count(verdicts, "shut\t");
    printf("%s: %u of %u doors are open\n", where, open, all);
    return all < DOORS_AT_LEAST;
}

static int try_doors(void **state)
{
    (void)state;
    struct canary canary;
    const char *arguments[PLACE_ARGUMENTS_MAX] = {getenv("DOORS")};
    canary_start(&canary);
    canary_arguments(&canary, arguments + 1);
    verdicts = place_run(&place, arguments);
    canary_stop(&canary);
    return count_doors();
}

// Outside of every sandbox: the program's own layers are all that keeps them shut.
static int try_doors_as(const char *variable)
{
    struct canary canary;
    const char *arguments[PLACE_ARGUMENTS_MAX] = {getenv(variable)};
    canary_start(&canary);
    canary_arguments(&canary, arguments + 1);
    verdicts = place_run_outside(PLACE_ROOT, arguments);
    canary_stop(&canary);
    return count_doors();
}

static int try_doors_as_streamer(void **state)
{
    (void)state;
    return try_doors_as("STREAMER_DOORS");
}

static int try_doors_as_tick(void **state)
{
    (void)state;
    return try_doors_as("TICK_DOORS");
}

static int forget(void **state)
{
    (void)state;
    free(verdicts);
    verdicts = NULL;
    return 0;
}

// Who is not in a sandbox finds most of them open: what holds inside is not for want of a kernel that has it.
static void doors_are_open_outside(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); // a plain user outside can't open what is root's
    struct canary canary;
    const char *arguments[PLACE_ARGUMENTS_MAX] = {getenv("DOORS")};
    canary_start(&canary);
    canary_arguments(&canary, arguments + 1);
    AUTO_FREE char *text = place_run_outside(PLACE_ROOT, arguments);
    canary_stop(&canary);
    printf("outside, as root: %u doors are open\n", count(text, "open\t"));
    assert_true(count(text, "open\t") >= OPEN_OUTSIDE_AT_LEAST);
    for (size_t i = 0; i < attack_class_count; i++) {
        bool open = attack_classes[i].rare;
        for (size_t d = 0; attack_classes[i].doors[d]; d++)
            open |= is_open(text, attack_classes[i].doors[d]);
        if (!open)
            print_error("no door of \"%s\" is open outside\n", attack_classes[i].name);
        assert_true(open);
    }
}

static int attack(CMFixtureFunction try)
{
    struct CMUnitTest tests[64] = {
        cmocka_unit_test(the_score_does_not_grow),
        cmocka_unit_test(each_open_door_is_explained),
        cmocka_unit_test(the_list_allows_no_shut_door),
    };
    size_t number = 3;
    assert_true(attack_class_count + number <= sizeof(tests) / sizeof(tests[0]));
    for (size_t i = 0; i < attack_class_count; i++)
        tests[number++] = (struct CMUnitTest){.name = attack_classes[i].name,
                                              .test_func = class_holds,
                                              .initial_state = (void *)&attack_classes[i]};
    return _cmocka_run_group_tests(where, tests, number, try, forget);
}

int main(void)
{
    const struct CMUnitTest outside[] = {cmocka_unit_test(doors_are_open_outside)};
    allowed = read_list("OPEN_DOORS");
    threats = read_list("THREATS");
    int failed = 0;
    if (place_wanted("outside"))
        failed += cmocka_run_group_tests_name("outside", outside, NULL, NULL);
    for (int kind = 0; kind < PLACE_PROFILES; kind++) {
        for (int starter = 0; starter < PLACE_STARTERS; starter++) {
            place = (struct place){(enum place_profile)kind, (enum place_starter)starter};
            profile = place_profile_name(place.profile);
            where = place_name(&place);
            if (place_possible(&place))
                failed += attack(try_doors);
        }
    }
    profile = where = "streamer";
    if (place_wanted(where))
        failed += attack(try_doors_as_streamer);
    profile = where = "tick";
    if (place_wanted(where))
        failed += attack(try_doors_as_tick);
    free(allowed);
    free(threats);
    return failed;
}
