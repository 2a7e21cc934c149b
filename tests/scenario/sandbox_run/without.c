// Runs a program on a kernel without some system calls: without CALL,... PROGRAM [ARGUMENT]...
// CALL may be NAME@INDEX=VALUE: that call alone whose argument INDEX (from 0) has the low half VALUE.
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refuse(scmp_filter_ctx filter, char *call)
{
    const char *name = strsep(&call, "@");
    int number = seccomp_syscall_resolve_name(name);
    if (number < 0)
        return -EINVAL;
    if (!call)
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0);
    unsigned long long index = strtoull(call, &call, 10);
    if (*call != '=' || index > 5)
        return -EINVAL;
    unsigned long long value = strtoull(call + 1, NULL, 0);
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 1,
                            SCMP_CMP((unsigned)index, SCMP_CMP_MASKED_EQ, 0xffffffff, value));
}

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (argc < 3 || !filter)
        return EXIT_FAILURE;
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, geteuid() == 0 ? 0 : 1);
    char *rest = argv[1];
    for (char *call; (call = strsep(&rest, ","));) {
        if (refuse(filter, call) < 0)
            return EXIT_FAILURE;
    }
    if (seccomp_load(filter) < 0)
        return EXIT_FAILURE;
    execv(argv[2], argv + 2);
    return EXIT_FAILURE;
}
