// Runs a program on a kernel without some system calls: without CALL,... PROGRAM [ARGUMENT]...
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (argc < 3 || !filter)
        return EXIT_FAILURE;
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, geteuid() == 0 ? 0 : 1);
    char *rest = argv[1];
    for (char *name; (name = strsep(&rest, ","));) {
        int call = seccomp_syscall_resolve_name(name);
        if (call < 0 || seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0) < 0)
            return EXIT_FAILURE;
    }
    if (seccomp_load(filter) < 0)
        return EXIT_FAILURE;
    execv(argv[2], argv + 2);
    return EXIT_FAILURE;
}
