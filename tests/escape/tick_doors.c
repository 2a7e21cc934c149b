// Tries every door from within sandbox-tick's own confinement, as its thread that reads how much is wanted has it; the others have less.
//
// usage: tick-doors [--json] [--list] [FACT=VALUE...]    as sandbox-doors

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <unistd.h>

#include "sandbox/tick/confinement.h"
#include "tests/escape/doors/run.h"

#define PLAIN_UID 64999

static int enter(void)
{
    const char *problem = "its uid could not be changed";
    int error = 0;
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(PLAIN_UID, PLAIN_UID, PLAIN_UID) < 0 ||
                           setresuid(PLAIN_UID, PLAIN_UID, PLAIN_UID) < 0))
        error = -errno;
    if (!error)
        error = confinement_of_watcher(&problem);
    if (error)
        fprintf(stderr, "tick-doors: %s\n", problem);
    return error;
}

int main(int argc, char **argv)
{
    return doors_run(argc, argv, enter);
}
