// When a sandbox is parked, and which uid it gets.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/home/home.h"
#include "sandbox/life/pool_rules.h"
#include "sandbox/life/uids.h"

#define BASE 0x50000000u

static struct pool_rules rules_of(unsigned desktops, unsigned commands, uint32_t memory_mb)
{
    struct pool_rules rules = {.memory_mb = memory_mb};
    rules.rows[TEMPLATE_DESKTOP] = (struct pool_row){.size = desktops, .memory_mb = 70};
    rules.rows[TEMPLATE_CODE] = (struct pool_row){.size = commands, .memory_mb = 8};
    return rules;
}

// Builds until nothing more is to be built.
static void fill(struct pool_rules *rules)
{
    uint64_t again;
    for (int next; (next = pool_next(rules, 0, &again)) != POOL_NONE;)
        rules->rows[next].ready++;
}

static void a_pool_fills_to_its_sizes(void **state)
{
    (void)state;
    struct pool_rules rules = rules_of(2, 5, 1000);
    fill(&rules);
    assert_int_equal(rules.rows[TEMPLATE_DESKTOP].ready, 2);
    assert_int_equal(rules.rows[TEMPLATE_CODE].ready, 5);
    assert_int_equal(pool_held_mb(&rules), 2 * 70 + 5 * 8);
}

static void memory_bounds_it_with_those_that_are_being_built_and_ending(void **state)
{
    (void)state;
    struct pool_rules rules = rules_of(10, 0, 200);
    fill(&rules);
    assert_int_equal(rules.rows[TEMPLATE_DESKTOP].ready, 2);
    assert_int_equal(pool_fitting(&rules, TEMPLATE_DESKTOP), 2);
    rules.rows[TEMPLATE_DESKTOP].ready = 1;
    rules.rows[TEMPLATE_DESKTOP].others = 1;
    uint64_t again;
    assert_int_equal(pool_next(&rules, 0, &again), POOL_NONE);
    rules = rules_of(2, 20, 200);
    assert_int_equal(pool_fitting(&rules, TEMPLATE_CODE), 7);
    rules.memory_mb = 0;
    assert_int_equal(pool_next(&rules, 0, &again), POOL_NONE);
}

static void one_is_built_at_a_time_and_none_while_somebody_starts(void **state)
{
    (void)state;
    uint64_t again;
    struct pool_rules rules = rules_of(2, 2, 1000);
    rules.starting_us = 7;
    assert_int_equal(pool_next(&rules, 6, &again), POOL_NONE);
    assert_int_equal(again, 7);
    assert_int_not_equal(pool_next(&rules, 7, &again), POOL_NONE);
    rules.starting_us = 0;
    rules.rows[TEMPLATE_CODE].others = 1;
    assert_int_equal(pool_next(&rules, 0, &again), POOL_NONE);
    rules.rows[TEMPLATE_CODE].others = 0;
    rules.rows[TEMPLATE_DESKTOP].ready = 1;
    assert_int_equal(pool_next(&rules, 0, &again), TEMPLATE_CODE); // which misses all of its own
}

static void losses_make_it_wait_longer_and_a_claim_forgives_them(void **state)
{
    (void)state;
    struct pool_rules rules = rules_of(1, 0, 1000);
    struct pool_row *row = &rules.rows[TEMPLATE_DESKTOP];
    uint64_t now = 1000000, again, before = 0;
    for (int i = 0; i < 40; i++) {
        pool_lost(row, now, 1000);
        uint64_t wait = row->wait_us - now;
        assert_true(wait >= before && wait <= 60000000);
        before = wait;
        assert_int_equal(pool_next(&rules, now, &again), POOL_NONE);
        assert_int_equal(again, row->wait_us);
        assert_int_equal(pool_next(&rules, row->wait_us, &again), TEMPLATE_DESKTOP);
    }
    assert_int_equal(before, 60000000);
    pool_lost(row, now, 3600000000u); // it had lived an hour
    assert_int_equal(row->wait_us - now, 100000);
    pool_lost(row, now, 0);
    pool_used(row);
    assert_int_equal(pool_next(&rules, 0, &again), TEMPLATE_DESKTOP);
    rules.rows[TEMPLATE_CODE].size = 1; // the loss of one template is not that of the other
    pool_lost(row, now, 0);
    assert_int_equal(pool_next(&rules, now, &again), TEMPLATE_CODE);
}

// Who replaces files of the host seldom replaces one alone.
static void what_is_renewed_waits_a_moment_and_is_no_loss(void **state)
{
    (void)state;
    struct pool_rules rules = rules_of(2, 0, 1000);
    struct pool_row *row = &rules.rows[TEMPLATE_DESKTOP];
    uint64_t again, now = 5000000;
    pool_renewed(row, now);
    assert_int_equal(row->losses, 0);
    assert_int_equal(pool_next(&rules, now, &again), POOL_NONE);
    assert_int_equal(again, row->wait_us);
    assert_int_equal(pool_next(&rules, again, &again), TEMPLATE_DESKTOP);
    for (int i = 0; i < 5; i++)
        pool_lost(row, now, 0);
    uint64_t longer = row->wait_us;
    pool_renewed(row, now);
    assert_int_equal(row->wait_us, longer);
}

static void a_uid_is_given_once_and_comes_back_late(void **state)
{
    (void)state;
    struct uids uids;
    uid_t first, second, third;
    assert_int_equal(uids_init(&uids, BASE), 0);
    assert_int_equal(uids_take(&uids, &first), 0);
    assert_int_equal(uids_take(&uids, &second), 0);
    assert_int_not_equal(first, second);
    assert_true(first >= BASE + HOST_UID_PARKED && first < BASE + HOST_UID_EXPORTERS);
    uids_release(&uids, first);
    assert_int_equal(uids_take(&uids, &third), 0);
    assert_int_not_equal(third, first);
    for (uint32_t i = 0; i < HOST_UID_PARKED_COUNT - 2; i++)
        assert_int_equal(uids_take(&uids, &third), 0);
    assert_int_equal(third, first); // the last one that was left
    assert_int_equal(uids_take(&uids, &third), -EUSERS);
    uids_hold(&uids, second); // by a home as well
    uids_release(&uids, second);
    assert_int_equal(uids_take(&uids, &third), -EUSERS);
    uids_release(&uids, second);
    assert_int_equal(uids_take(&uids, &third), 0);
    assert_int_equal(third, second);
    assert_false(uids_is_parked(&uids, BASE + 7));
    assert_false(uids_is_parked(&uids, BASE + HOST_UID_EGRESS));
    assert_false(uids_is_parked(&uids, BASE + HOST_UID_EXPORTERS));
    assert_false(uids_is_parked(&uids, HOME_NO_UID));
    uids_finish(&uids);
}

// After a restart: what homes have, and what they were on their way to.
static void uids_of_homes_are_not_given(void **state)
{
    (void)state;
    char directory[] = "/tmp/unit-pool-XXXXXX", path[64], text[16];
    assert_non_null(mkdtemp(directory));
    struct uids uids;
    uid_t uid, moving = BASE + HOST_UID_PARKED + 1;
    snprintf(path, sizeof(path), "%s/.moving-x", directory);
    snprintf(text, sizeof(text), "%u", moving);
    assert_int_equal(symlink(text, path), 0);
    assert_int_equal(uids_init(&uids, BASE), 0);
    assert_int_equal(uids_hold_homes(&uids, directory), 0);
    for (uint32_t i = 0; i < HOST_UID_PARKED_COUNT - 1; i++) {
        assert_int_equal(uids_take(&uids, &uid), 0);
        assert_int_not_equal(uid, moving);
    }
    assert_int_equal(uids_take(&uids, &uid), -EUSERS);
    uids_finish(&uids);
    unlink(path);
    static const char *const strange[] = {"", "x", "4294967295", "99999999999999", "1a", "-"};
    for (size_t i = 1; i < sizeof(strange) / sizeof(strange[0]); i++) {
        assert_int_equal(symlink(strange[i], path), 0);
        struct home_state home;
        int storage = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(home_look(storage, "x", &home), 0);
        assert_int_equal(home.moving, HOME_NO_UID);
        assert_int_equal(home.owner, HOME_NO_UID);
        close(storage);
        unlink(path);
    }
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_fills_to_its_sizes),
        cmocka_unit_test(memory_bounds_it_with_those_that_are_being_built_and_ending),
        cmocka_unit_test(one_is_built_at_a_time_and_none_while_somebody_starts),
        cmocka_unit_test(losses_make_it_wait_longer_and_a_claim_forgives_them),
        cmocka_unit_test(what_is_renewed_waits_a_moment_and_is_no_loss),
        cmocka_unit_test(a_uid_is_given_once_and_comes_back_late),
        cmocka_unit_test(uids_of_homes_are_not_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
