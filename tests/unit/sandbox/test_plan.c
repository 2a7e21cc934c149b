// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sandbox/plan/plan.h"
#include "sandbox/plan/tables.h"

static const struct plan_host host = {.program_dir = "/p",
                                      .desktop_dir = "/d",
                                      .own_uids = true,
                                      .cgroups = true,
                                      .landlock = true,
                                      .seccomp = true};
static const struct sandbox_limits limits = {.memory_mb = 1024, .cpu_percent = 100, .pids = 100};

static void plan_for(struct plan *plan, const struct plan_host *of)
{
    struct plan_home home = {.storage = "/homes", .owner = {{1}}};
    assert_int_equal(plan_desktop(plan, of, &home, 4711, &limits), 0);
}

static size_t position(const struct plan *plan, enum operation_kind kind)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->operations[i].kind == kind)
            return i;
    }
    return SIZE_MAX;
}

static const struct operation *find(const struct plan *plan, enum operation_kind kind, const char *target)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct operation *operation = &plan->operations[i];
        if (operation->kind == kind && operation->target && strcmp(operation->target, target) == 0)
            return operation;
    }
    return NULL;
}

// The order that the kernel and the boundary need: what would be undone or refused if a later step came first.
static void operations_stand_in_the_order_that_holds(void **state)
{
    (void)state;
    static const enum operation_kind order[] = {
        OPERATION_HOME,        OPERATION_CGROUPS,        OPERATION_BECOME,
        OPERATION_NAMESPACES,  OPERATION_MAP_IDS,        OPERATION_ROOT,
        OPERATION_BIND,        OPERATION_EMPTY,          OPERATION_BIND_HOME,
        OPERATION_LOOPBACK,    OPERATION_PROCESSES,      OPERATION_MASKING,
        OPERATION_MASK,        OPERATION_SYSCTL,         OPERATION_READ_ONLY,
        OPERATION_PIVOT,       OPERATION_READ_ONLY_ROOT, OPERATION_CAPABILITIES,
        OPERATION_DESCRIPTORS, OPERATION_LIMITS,         OPERATION_NO_NEW_PRIVILEGES,
        OPERATION_LANDLOCK,    OPERATION_SECCOMP,        OPERATION_MASKED,
        OPERATION_EXEC};
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    plan_for(plan, &host);
    for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++) {
        assert_true(position(plan, order[i]) < plan->count);
        assert_true(position(plan, order[i - 1]) < position(plan, order[i]));
    }
    assert_int_equal(plan->operations[plan->count - 1].kind, OPERATION_EXEC);
}

// Nothing of the host is opened any more; what the foundation gives is given up before the sandbox's own namespaces are made.
static void a_plan_on_a_foundation_takes_nothing_of_the_host(void **state)
{
    (void)state;
    static const enum operation_kind order[] = {
        OPERATION_CGROUPS,     OPERATION_ENTER,     OPERATION_BECOME,
        OPERATION_NAMESPACES,  OPERATION_PROCESSES, OPERATION_MAP_IDS,
        OPERATION_MASKING,     OPERATION_TMPFS,     OPERATION_WRITABLE,
        OPERATION_SYSCTL,      OPERATION_READ_ONLY, OPERATION_CAPABILITIES,
        OPERATION_DESCRIPTORS, OPERATION_LIMITS,    OPERATION_NO_NEW_PRIVILEGES,
        OPERATION_LANDLOCK,    OPERATION_SECCOMP,   OPERATION_MASKED,
        OPERATION_PARK};
    static const enum operation_kind never[] = {OPERATION_ROOT, OPERATION_BIND, OPERATION_BIND_HOME,
                                                OPERATION_NETWORK};
    struct plan_host founded = host;
    founded.foundation = true;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    assert_int_equal(plan_waiting(plan, &founded, 4711, &limits), 0);
    for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++) {
        assert_true(position(plan, order[i]) < plan->count);
        assert_true(position(plan, order[i - 1]) < position(plan, order[i]));
    }
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        assert_int_equal(position(plan, never[i]), SIZE_MAX);
    assert_non_null(find(plan, OPERATION_MASK, PLAN_COVERED_DIRECTORY));
    assert_int_equal(plan_foundation(plan), 0);
    assert_int_equal(plan->operations[plan->count - 1].kind, OPERATION_READ_ONLY_ROOT);
    assert_int_equal(position(plan, OPERATION_TERMINALS),
                     SIZE_MAX); // one for all would be a way from one to another
    assert_int_equal(position(plan, OPERATION_TMPFS), SIZE_MAX);
}

// The second process lays masks and nothing else, and none of what becomes a mount of itself later: a mask beneath that would be none.
static void masks_are_laid_beside_the_rest_but_those_of_sysctl(void **state)
{
    (void)state;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    plan_for(plan, &host);
    size_t masking = position(plan, OPERATION_MASKING);
    size_t count = (size_t)plan->operations[masking].number;
    for (size_t i = masking + 1; i <= masking + count; i++) {
        assert_int_equal(plan->operations[i].kind, OPERATION_MASK);
        assert_memory_equal(plan->operations[i].target, "proc/", strlen("proc/"));
        assert_null(strstr(plan->operations[i].target, "proc/sys/"));
    }
    assert_int_not_equal(plan->operations[masking + count + 1].kind, OPERATION_MASK);
    const struct operation *boot = find(plan, OPERATION_MASK, "proc/sys/kernel/random/boot_id");
    assert_true(boot > &plan->operations[masking + count] &&
                boot < find(plan, OPERATION_READ_ONLY, "proc/sys"));
}

static void what_the_host_lacks_is_left_out(void **state)
{
    (void)state;
    static const struct plan_host poor = {.program_dir = "/p", .desktop_dir = "/d"};
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    plan_for(plan, &poor);
    assert_int_equal(position(plan, OPERATION_CGROUPS), SIZE_MAX);
    assert_int_equal(position(plan, OPERATION_LANDLOCK), SIZE_MAX);
    assert_int_equal(position(plan, OPERATION_SECCOMP), SIZE_MAX);
    assert_int_equal(plan->operations[position(plan, OPERATION_BECOME)].number, -1);
    assert_true(position(plan, OPERATION_NO_NEW_PRIVILEGES) < plan->count);
}

static void every_bind_of_the_host_is_read_only_or_the_home(void **state)
{
    (void)state;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    plan_for(plan, &host);
    static const char *const never[] = {"/",    "/root", "/home", "/var", "/sys", "/dev",
                                        "/etc", "/proc", "/run",  "/tmp", "/boot"};
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->operations[i].kind != OPERATION_BIND)
            continue;
        for (size_t k = 0; k < sizeof(never) / sizeof(never[0]); k++)
            assert_string_not_equal(plan->operations[i].source, never[k]);
    }
    const struct operation *home = find(plan, OPERATION_BIND_HOME, "home/user");
    assert_non_null(home);
    assert_string_equal(home->source, "/homes");
    assert_string_equal(home->data, "01000000-0000-0000-0000-000000000000");
}

static void memory_file_systems_follow_the_limit(void **state)
{
    (void)state;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    plan_for(plan, &host);
    assert_string_equal(find(plan, OPERATION_TMPFS, "tmp")->source, "mode=1777,size=512m,nr_inodes=65536");
    assert_string_equal(find(plan, OPERATION_TMPFS, "run")->source, "mode=0755,size=128m,nr_inodes=4096");
}

static void helpers_get_no_home_and_no_devices(void **state)
{
    (void)state;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    assert_int_equal(plan_streamer(plan, &host, 4711), 0);
    static const enum operation_kind none[] = {OPERATION_HOME, OPERATION_BIND_HOME, OPERATION_TMPFS,
                                               OPERATION_TERMINALS, OPERATION_PROCESSES};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(position(plan, none[i]), SIZE_MAX);
    assert_null(find(plan, OPERATION_BIND, "dev/null"));
    assert_string_equal(find(plan, OPERATION_BIND, "sandbox-streamer")->source, "/p/sandbox-streamer");
    assert_int_equal(plan_exporter(plan, &host, 4711), 0);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(position(plan, none[i]), SIZE_MAX);
    assert_string_equal(find(plan, OPERATION_BIND, "sandbox-export")->source, "/p/sandbox-export");
}

// It has to wake up in the service's own groups, beside those of the sandboxes.
static void the_tick_stays_in_the_group_of_the_service(void **state)
{
    (void)state;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    assert_true(host.cgroups);
    assert_int_equal(plan_tick(plan, &host, 4711, 250, "info", "json"), 0);
    assert_int_equal(position(plan, OPERATION_CGROUPS), SIZE_MAX);
    assert_int_equal(plan->operations[position(plan, OPERATION_BECOME)].number, 4711);
    assert_true(position(plan, OPERATION_BECOME) < position(plan, OPERATION_EXEC));
    assert_true(position(plan, OPERATION_NO_NEW_PRIVILEGES) < position(plan, OPERATION_EXEC));
    assert_string_equal(plan->arguments[1], "250");
    assert_null(plan->arguments[2]);
    assert_int_equal(plan_egress(plan, &host, 4711, "info", "json"), 0);
    assert_int_equal(position(plan, OPERATION_CGROUPS), 0);
}

static void a_plan_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    AUTO_FREE char *path = malloc(PLAN_TEXT_MAX + 1);
    memset(path, 'a', PLAN_TEXT_MAX);
    path[PLAN_TEXT_MAX] = '\0';
    struct plan_host long_path = host;
    long_path.program_dir = path;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    assert_int_equal(plan_streamer(plan, &long_path, 1), -E2BIG);
}

static void printed_plan_names_every_operation(void **state)
{
    (void)state;
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    plan_for(plan, &host);
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    plan_print(plan, out);
    fclose(out);
    assert_non_null(strstr(text, "bind /usr -> usr"));
    assert_non_null(strstr(text, "exec -> /sandbox/sandbox-init"));
    assert_non_null(strstr(text, "environment HOME=/home/user"));
    free(text);
    for (unsigned kind = 0; kind < OPERATION_COUNT; kind++) {
        assert_non_null(operation_name(kind));
        assert_true(operation_stage(kind) > START_REFUSED);
    }
}

static void machine_id_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < plan_base_count; i++) {
        const struct operation *operation = &plan_base_table[i];
        if (operation->target && strcmp(operation->target, "etc/machine-id") == 0) {
            assert_int_equal(strlen(operation->source), 33); // machine-id(5): 32 digits and a newline
            assert_int_equal(strspn(operation->source, "0123456789abcdef"), 32);
            return;
        }
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_stand_in_the_order_that_holds),
        cmocka_unit_test(a_plan_on_a_foundation_takes_nothing_of_the_host),
        cmocka_unit_test(masks_are_laid_beside_the_rest_but_those_of_sysctl),
        cmocka_unit_test(what_the_host_lacks_is_left_out),
        cmocka_unit_test(every_bind_of_the_host_is_read_only_or_the_home),
        cmocka_unit_test(memory_file_systems_follow_the_limit),
        cmocka_unit_test(helpers_get_no_home_and_no_devices),
        cmocka_unit_test(the_tick_stays_in_the_group_of_the_service),
        cmocka_unit_test(a_plan_that_does_not_fit_is_refused),
        cmocka_unit_test(printed_plan_names_every_operation),
        cmocka_unit_test(machine_id_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
