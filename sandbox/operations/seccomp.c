// Puts a profile's system call filter in force (plan/seccomp_rules.c).

#include "lib/seccomp_program.h"
#include "sandbox/operations/operations.h"
#include "sandbox/plan/profile.h"

int operation_seccomp(struct run *run, const struct operation *operation)
{
    (void)run;
    return seccomp_program_load(&seccomp_programs[operation->number]);
}
