#include "lib/seccomp_program.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

int seccomp_program_load(const struct seccomp_program *program)
{
    struct sock_fprog filter = {.len = program->count, .filter = (struct sock_filter *)program->instructions};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0 ? -errno : 0;
}
