// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
// The plan of a command, its profiles and the numbers of sandbox-run's command line.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sandbox/plan/plan.h"
#include "sandbox/run/number.h"

static const char *const words[] = {"true", NULL};
static const struct plan_bind binds[] = {{.path = "/srv/read"}, {.path = "/srv/write", .writable = true}};
static const struct plan_host host = {.own_uids = true, .cgroups = true, .landlock = true, .seccomp = true};

static struct plan *plan_for(enum profile profile, const struct plan_host *of)
{
    struct plan_command command = {.profile = profile,
                                   .limits = {.memory_mb = 64, .cpu_percent = 50, .pids = 10},
                                   .binds = binds,
                                   .bind_count = 2,
                                   .words = words};
    struct plan *plan = malloc(sizeof(*plan));
    assert_non_null(plan);
    assert_int_equal(plan_command(plan, of, &command, 4711), 0);
    return plan;
}

static const struct operation *find(const struct plan *plan, enum operation_kind kind, const char *target)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct operation *operation = &plan->operations[i];
        if (operation->kind == kind &&
            (!target || (operation->target && strcmp(operation->target, target) == 0)))
            return operation;
    }
    return NULL;
}

static void operations_stand_in_the_order_that_holds(void **state)
{
    (void)state;
    static const enum operation_kind order[] = {OPERATION_BECOME,
                                                OPERATION_NAMESPACES,
                                                OPERATION_NETWORK,
                                                OPERATION_MAP_IDS,
                                                OPERATION_ROOT,
                                                OPERATION_BIND,
                                                OPERATION_CGROUPS,
                                                OPERATION_CGROUP_NAMESPACE,
                                                OPERATION_LOOPBACK,
                                                OPERATION_PROCESSES,
                                                OPERATION_MASKING,
                                                OPERATION_MASK,
                                                OPERATION_SYSCTL,
                                                OPERATION_READ_ONLY,
                                                OPERATION_PIVOT,
                                                OPERATION_READ_ONLY_ROOT,
                                                OPERATION_CAPABILITIES,
                                                OPERATION_LIMITS,
                                                OPERATION_NO_NEW_PRIVILEGES,
                                                OPERATION_LANDLOCK,
                                                OPERATION_SECCOMP,
                                                OPERATION_MASKED,
                                                OPERATION_RUN};
    AUTO_FREE struct plan *plan = plan_for(PROFILE_CODE, &host);
    for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++) {
        const struct operation *before = find(plan, order[i - 1], NULL), *after = find(plan, order[i], NULL);
        assert_non_null(before);
        assert_non_null(after);
        assert_true(before < after);
    }
    assert_ptr_equal(find(plan, OPERATION_RUN, NULL), &plan->operations[plan->count - 1]);
}

static void profiles_decide_about_namespaces_and_calls(void **state)
{
    (void)state;
    static const char *const users[PROFILE_COUNT] = {"64", "64", "0"};
    for (int profile = 0; profile < PROFILE_COUNT; profile++) {
        AUTO_FREE struct plan *plan = plan_for((enum profile)profile, &host);
        const struct operation *sysctl = find(plan, OPERATION_SYSCTL, "proc/sys/user/max_user_namespaces");
        assert_string_equal(sysctl->source, users[profile]);
        assert_string_equal(find(plan, OPERATION_SYSCTL, "proc/sys/user/max_mnt_namespaces")->source, "0");
        assert_int_equal(find(plan, OPERATION_SECCOMP, NULL)->number, profile);
        assert_true(seccomp_programs[profile].count > 100); // test_seccomp.c knows more
        assert_int_equal(profile_of(profile_name((unsigned)profile)), profile);
    }
    assert_int_equal(profile_of("root"), -1);
}

static void shared_paths_are_read_only_unless_asked(void **state)
{
    (void)state;
    AUTO_FREE struct plan *plan = plan_for(PROFILE_CODE, &host);
    assert_int_equal(find(plan, OPERATION_BIND, "srv/read")->number,
                     BIND_EXECUTABLE | BIND_GRANT | BIND_PREPARED);
    assert_int_equal(find(plan, OPERATION_BIND, "srv/write")->number,
                     BIND_EXECUTABLE | BIND_GRANT | BIND_PREPARED | BIND_WRITABLE);
}

static void what_a_command_may_write_has_one_bound(void **state)
{
    (void)state;
    AUTO_FREE struct plan *plan = plan_for(PROFILE_CODE, &host);
    assert_string_equal(find(plan, OPERATION_ROOT, NULL)->source, "mode=0755,size=32m,nr_inodes=65536");
    assert_null(find(plan, OPERATION_TMPFS, NULL));
    static const char *const writable[] = {"tmp", "run", "dev/shm", "home/user"};
    for (size_t i = 0; i < sizeof(writable) / sizeof(writable[0]); i++)
        assert_non_null(find(plan, OPERATION_WRITABLE, writable[i]));
}

static void without_groups_rlimits_stand_in(void **state)
{
    (void)state;
    static const struct plan_host poor = {.landlock = true, .seccomp = true};
    AUTO_FREE struct plan *plan = plan_for(PROFILE_CODE, &poor);
    assert_int_equal(find(plan, OPERATION_PROCESS_LIMIT, NULL)->number, 11);
    assert_int_equal(find(plan, OPERATION_MEMORY_LIMIT, NULL)->number, 64 << 20);
    AUTO_FREE struct plan *browser = plan_for(PROFILE_BROWSER, &poor);
    assert_null(find(browser, OPERATION_MEMORY_LIMIT, NULL));
}

static void sizes_are_parsed(void **state)
{
    (void)state;
    uint64_t bytes = 1;
    assert_int_equal(number_parse_size("4096", &bytes), 0);
    assert_int_equal(bytes, 4096);
    assert_int_equal(number_parse_size("256M", &bytes), 0);
    assert_int_equal(bytes, 256u << 20);
    assert_int_equal(number_parse_size("2g", &bytes), 0);
    assert_int_equal(bytes, UINT64_C(2) << 30);
    static const char *const wrong[] = {
        "", "M", "-1", "+1", " 1", "1MB", "1.5G", "99999999T", "18446744073709551616"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(number_parse_size(wrong[i], &bytes), -EINVAL);
}

static void durations_are_parsed(void **state)
{
    (void)state;
    uint64_t ns = 1;
    assert_int_equal(number_parse_duration("30", &ns), 0);
    assert_int_equal(ns, UINT64_C(30000000000));
    assert_int_equal(number_parse_duration("0.5", &ns), 0);
    assert_int_equal(ns, 500000000);
    assert_int_equal(number_parse_duration("2m", &ns), 0);
    assert_int_equal(ns, UINT64_C(120000000000));
    static const char *const wrong[] = {"", "0", "-1", "nan", "inf", "1e9", "5d", "3 s", "0.0001"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(number_parse_duration(wrong[i], &ns), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_stand_in_the_order_that_holds),
        cmocka_unit_test(profiles_decide_about_namespaces_and_calls),
        cmocka_unit_test(shared_paths_are_read_only_unless_asked),
        cmocka_unit_test(what_a_command_may_write_has_one_bound),
        cmocka_unit_test(without_groups_rlimits_stand_in),
        cmocka_unit_test(sizes_are_parsed),
        cmocka_unit_test(durations_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
