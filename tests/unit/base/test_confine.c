// A program gives up what it will not need, and everything is proven to be gone.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "lib/confine.h"
#include "tests/unit/base/in_child.h"

static const struct confine_limit limits[] = {{RLIMIT_NOFILE, 32}, {RLIMIT_CORE, 0}};
static const struct seccomp_rule calls[] = {
    SECCOMP_ALLOW(prctl),     SECCOMP_ALLOW(exit_group), SECCOMP_ALLOW(capget),
    SECCOMP_ALLOW(capset),    SECCOMP_ALLOW(openat),     SECCOMP_ALLOW(prlimit64),
    SECCOMP_ALLOW(getrlimit), SECCOMP_ALLOW(write),      SECCOMP_ALLOW_IF(dup, 0, UINT32_MAX, 1),
    SECCOMP_KILL(getpgrp),
#ifdef SANITIZED_BUILD
    SECCOMP_ALLOW(mmap),      SECCOMP_ALLOW(munmap),     SECCOMP_ALLOW(futex),
#endif
};
static const struct confine_policy policy = {.limits = limits,
                                             .limit_count = sizeof(limits) / sizeof(limits[0]),
                                             .calls = calls,
                                             .call_count = sizeof(calls) / sizeof(calls[0])};

static int enter(void)
{
    int abi = -1, known = landlock_abi();
    const char *problem = "";
    CHILD_EXPECT(confine(&policy, &abi, &problem) == 0);
    CHILD_EXPECT(abi == known);
    return abi;
}

static void everything_is_given_up(void)
{
    int abi = enter();
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    CHILD_EXPECT(syscall(SYS_capget, &header, sets) == 0);
    CHILD_EXPECT((sets[0].effective | sets[0].permitted | sets[0].inheritable) == 0);
    CHILD_EXPECT((sets[1].effective | sets[1].permitted | sets[1].inheritable) == 0);
    sets[0].effective = sets[0].permitted = 1u << CAP_SETUID;
    CHILD_EXPECT(syscall(SYS_capset, &header, sets) < 0 && errno == EPERM); // no way back
    CHILD_EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHILD_EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    CHILD_EXPECT(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2);
    struct rlimit limit;
    CHILD_EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 32 && limit.rlim_max == 32);
    limit.rlim_max = limit.rlim_cur = 33;
    CHILD_EXPECT(setrlimit(RLIMIT_NOFILE, &limit) < 0);
    if (abi > 0)
        CHILD_EXPECT(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
}

static void calls_that_are_not_listed_fail(void)
{
    enter();
    CHILD_EXPECT(syscall(SYS_socket, 1, 1, 0) < 0 && errno == ENOSYS);
    CHILD_EXPECT(syscall(SYS_fork) < 0 && errno == ENOSYS);
    CHILD_EXPECT(syscall(SYS_dup, 0L) < 0 && errno == ENOSYS);
    CHILD_EXPECT(syscall(SYS_dup, UINT64_C(0x100000001)) >=
                 0); // the kernel takes the lower half, and so does the rule
    CHILD_EXPECT(syscall(SYS_execve, "/usr/bin/true", NULL, NULL) < 0 && errno == ENOSYS);
}

static void a_call_that_kills(void)
{
    enter();
    CHILD_EXPECT(syscall(SYS_getpgrp) < 0 && errno == EACCES); // returns where sanitizers are to report
}

static void a_limit_above_the_hard_one(void)
{
    const struct confine_limit wrong[] = {{RLIMIT_NOFILE, 64}};
    const struct confine_policy refused = {
        .limits = wrong, .limit_count = 1, .calls = calls, .call_count = sizeof(calls) / sizeof(calls[0])};
    struct rlimit low = {.rlim_cur = 16, .rlim_max = 16};
    int abi = -1;
    const char *problem = "";
    CHILD_EXPECT(setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHILD_EXPECT(confine(&refused, &abi, &problem) == -EPERM);
    CHILD_EXPECT(problem[0] == 'r' && abi == -1); // "resource limits ..."
}

// A filter that lets through what it was meant to refuse is a failure, not a weaker layer.
static void a_filter_that_refuses_nothing(void)
{
    const struct seccomp_rule all[] = {SECCOMP_ALLOW(prctl), SECCOMP_ALLOW(exit_group),
                                       SECCOMP_ALLOW(getppid)};
    const struct confine_policy useless = {.calls = all, .call_count = 3};
    int abi = -1;
    const char *problem = "";
    CHILD_EXPECT(confine(&useless, &abi, &problem) == -EPERM);
    CHILD_EXPECT(abi == -1);
}

#define IN_CHILD(name)                                                                                       \
    static void test_##name(void **state)                                                                    \
    {                                                                                                        \
        (void)state;                                                                                         \
        assert_int_equal(in_child(name), 0);                                                                 \
    }
IN_CHILD(everything_is_given_up)
IN_CHILD(calls_that_are_not_listed_fail)
IN_CHILD(a_limit_above_the_hard_one)
IN_CHILD(a_filter_that_refuses_nothing)

static void test_a_call_that_kills(void **state)
{
    (void)state;
    int status = in_child(a_call_that_kills);
#ifdef SANITIZED_BUILD
    assert_int_equal(status, 0);
#else
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_given_up),
        cmocka_unit_test(test_calls_that_are_not_listed_fail),
        cmocka_unit_test(test_a_call_that_kills),
        cmocka_unit_test(test_a_limit_above_the_hard_one),
        cmocka_unit_test(test_a_filter_that_refuses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
