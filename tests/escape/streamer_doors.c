// Tries every door from within sandbox-streamer's own confinement, as it is when the first byte of a sandbox or a browser is read: an uid of its
// own, rlimits, no_new_privs, Landlock, seccomp. What sandboxd puts around it (its namespaces, a root without files) is left out, so that its own
// layers are judged alone.
//
// usage: streamer-doors [--json] [--list] [FACT=VALUE...]    as sandbox-doors

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <unistd.h>

#include "streaming/confinement.h"
#include "tests/escape/doors/run.h"

#define PLAIN_UID 64999

static int enter(void)
{
    const char *problem = "its uid could not be changed";
    struct streamer_start start = {.width = 1920, .height = 1080};
    int error = 0;
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(PLAIN_UID, PLAIN_UID, PLAIN_UID) < 0 ||
                           setresuid(PLAIN_UID, PLAIN_UID, PLAIN_UID) < 0))
        error = -errno;
    if (!error)
        error = confinement_enter(&start, &problem);
    if (error)
        fprintf(stderr, "streamer-doors: %s\n", problem);
    return error;
}

int main(int argc, char **argv)
{
    return doors_run(argc, argv, enter);
}
