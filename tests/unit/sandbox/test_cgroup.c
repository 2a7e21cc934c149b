// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "sandbox/cgroup/cgroup.h"

static const struct sandbox_limits limits = {.memory_mb = 2048, .cpu_percent = 150, .pids = 512};

static const char *value_of(const struct cgroup_value *values, unsigned count, const char *file)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(values[i].file, file) == 0)
            return values[i].text;
    }
    return "";
}

static void v2_values(void **state)
{
    (void)state;
    struct cgroup_value values[CGROUP_VALUES_MAX];
    unsigned count = cgroup_values(CGROUP_V2, &limits, values);
    assert_string_equal(value_of(values, count, "memory.max"), "2147483648");
    assert_string_equal(value_of(values, count, "memory.swap.max"), "0");
    assert_string_equal(value_of(values, count, "pids.max"), "512");
    assert_string_equal(value_of(values, count, "cpu.max"), "150000 100000");
    assert_string_equal(value_of(values, count, "cpu.weight"), "150");
    assert_string_equal(value_of(values, count, "io.weight"), "150");
}

static void v1_values(void **state)
{
    (void)state;
    struct cgroup_value values[CGROUP_VALUES_MAX];
    unsigned count = cgroup_values(CGROUP_HYBRID, &limits, values);
    assert_string_equal(value_of(values, count, "memory.limit_in_bytes"), "2147483648");
    assert_string_equal(value_of(values, count, "memory.memsw.limit_in_bytes"), "2147483648");
    assert_string_equal(value_of(values, count, "cpu.cfs_quota_us"), "150000");
    assert_string_equal(value_of(values, count, "cpu.shares"), "1536");
    // The kernel refuses memory and swap together under the memory limit: first the one, then the other.
    assert_string_equal(values[0].file, "memory.limit_in_bytes");
    assert_int_equal(cgroup_values(CGROUP_NONE, &limits, values), 0);
}

static void largest_limits_fit(void **state)
{
    (void)state;
    const struct sandbox_limits most = {MEMORY_LIMIT_MAX_MB, CPU_PERCENT_MAX, PID_LIMIT_MAX};
    struct cgroup_value values[CGROUP_VALUES_MAX];
    unsigned count = cgroup_values(CGROUP_V2, &most, values);
    assert_string_equal(value_of(values, count, "memory.max"), "1099511627776");
    assert_string_equal(value_of(values, count, "cpu.max"), "25600000 100000");
    assert_string_equal(value_of(values, count, "cpu.weight"), "10000");
}

static void numbers_are_found_by_their_key(void **state)
{
    (void)state;
    uint64_t number = 7;
    const char *text = "low 0\noom 3\noom_kill 12\n";
    assert_true(cgroup_find_number(text, "oom_kill", &number));
    assert_int_equal(number, 12);
    assert_true(cgroup_find_number(text, "oom", &number));
    assert_int_equal(number, 3);
    assert_false(cgroup_find_number(text, "oom_", &number));
    assert_false(cgroup_find_number("oom_kill x\n", "oom_kill", &number));
    assert_false(cgroup_find_number("", "oom_kill", &number));
    static const struct {
        const char *text;
        uint64_t sum;
    } rows[] = {
        {"", 0},
        {"254:0 rbytes=7 wbytes=1048576 rios=1 wios=2 dbytes=0 dios=0\n7:1 rbytes=1 wbytes=3 rios=1\n",
         1048579},
        {"254:0 \n8:0 wbytes=1", 1},
        {"254:0 xwbytes=5 wbytes wbytes= wbytesx=9 wbytes=x\n", 0},
        {"8:0 wbytes=18446744073709551615\n", UINT64_MAX - 1},
        {"8:0 wbytes=18446744073709551614\n8:1 wbytes=9\n", UINT64_MAX - 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_true(cgroup_sum_numbers(rows[i].text, "wbytes") == rows[i].sum);
    assert_true(cgroup_most_written(UINT64_MAX, UINT64_MAX) == UINT64_MAX &&
                cgroup_most_written(UINT64_MAX, 0) == 0 && cgroup_most_written(4, UINT64_MAX) == 4 &&
                cgroup_most_written(4, 5) == 5 && cgroup_most_written(6, 5) == 6);
}

static const char hybrid[] =
    "22 27 0:21 / /proc rw - proc proc rw\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:7 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

static void hierarchies_are_found(void **state)
{
    (void)state;
    struct cgroup_paths paths;
    cgroup_find(hybrid, "", "/delegated", &paths);
    assert_string_equal(paths.path[CGROUP_MEMORY], "/sys/fs/cgroup/memory/delegated");
    assert_string_equal(paths.path[CGROUP_CPU], "/sys/fs/cgroup/cpu,cpuacct/delegated");
    assert_string_equal(paths.path[CGROUP_CPUACCT], "/sys/fs/cgroup/cpu,cpuacct/delegated");
    assert_string_equal(paths.path[CGROUP_UNIFIED], "/sys/fs/cgroup/unified/delegated");
    assert_string_equal(paths.path[CGROUP_PIDS], "");
}

static void without_a_path_the_own_group_is_taken(void **state)
{
    (void)state;
    struct cgroup_paths paths;
    cgroup_find(hybrid, "4:memory:/a/b\n1:cpu,cpuacct:/c\n0::/d\n", "", &paths);
    assert_string_equal(paths.path[CGROUP_MEMORY], "/sys/fs/cgroup/memory/a/b");
    assert_string_equal(paths.path[CGROUP_CPU], "/sys/fs/cgroup/cpu,cpuacct/c");
    assert_string_equal(paths.path[CGROUP_UNIFIED], "/sys/fs/cgroup/unified/d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v2_values),
        cmocka_unit_test(v1_values),
        cmocka_unit_test(largest_limits_fit),
        cmocka_unit_test(numbers_are_found_by_their_key),
        cmocka_unit_test(hierarchies_are_found),
        cmocka_unit_test(without_a_path_the_own_group_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
