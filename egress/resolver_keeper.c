#include "egress/resolver_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "egress/resolver_message.h"
#include "egress/sandbox.h"
#include "lib/ipc.h"
#include "lib/log.h"

#define CHANNELS_FROM 64 // above what was open before
#define QUICK_MS 1000u   // one that lived shorter may never have started
#define QUICK_MAX 5u     // in a row: then it is left, and sandbox-egress with the last one

struct kept {
    int channel;
    pid_t pid; // 0: left
    uint64_t started_ms;
    unsigned quick;
};

static _Noreturn void become_worker(int channel)
{
    static char program[] = "sandbox-egress", option[] = "--resolver", locale[] = "LC_ALL=C",
                domain[] = "LOCALDOMAIN=", options[] = "RES_OPTIONS=timeout:3 attempts:2 ndots:0";
    static char *const arguments[] = {program, option, NULL};
    // No search list: a name means itself.
    static char *const environment[] = {locale, domain, options, NULL};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || dup2(channel, EGRESS_RESOLVER_FD) < 0 ||
        (channel == EGRESS_RESOLVER_FD && fcntl(channel, F_SETFD, 0) < 0))
        _exit(127);
    execve("/proc/self/exe", arguments, environment);
    _exit(127);
}

static void start(struct kept *kept)
{
    kept->started_ms = clock_ms();
    kept->pid = fork();
    if (kept->pid == 0)
        become_worker(kept->channel);
    if (kept->pid > 0)
        return;
    kept->pid = 0;
    close(kept->channel);
}

// The question that it died of has no other answer. A question that waits in the channel is the next one's.
static void restart(struct kept *kept)
{
    struct resolver_answer lost = {.restarted = 1};
    kept->quick = clock_ms() - kept->started_ms < QUICK_MS ? kept->quick + 1 : 0;
    if (kept->quick > QUICK_MAX || ipc_send(kept->channel, &lost, sizeof(lost), NULL, 0) < 0) {
        kept->pid = 0;
        close(kept->channel);
        return;
    }
    log_error("a name resolver has ended and is started again");
    start(kept);
}

static void on_end(struct kept *kept, pid_t pid, int status)
{
    for (unsigned i = 0; i < EGRESS_RESOLVERS; i++) {
        if (kept[i].pid != pid)
            continue;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) { // sandbox-egress has ended
            kept[i].pid = 0;
            close(kept[i].channel);
        } else {
            restart(&kept[i]);
        }
        return;
    }
}

_Noreturn void resolver_keep(const int channels[static EGRESS_RESOLVERS])
{
    struct kept kept[EGRESS_RESOLVERS] = {0};
    prctl(PR_SET_NAME, "egress-keeper");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        _exit(EXIT_FAILURE);
    for (unsigned i = 0; i < EGRESS_RESOLVERS; i++) {
        kept[i].channel = fcntl(channels[i], F_DUPFD_CLOEXEC, CHANNELS_FROM);
        if (kept[i].channel < 0)
            _exit(EXIT_FAILURE);
    }
    // A copy of sandbox-egress's ends would keep their peers from seeing its end.
    if (close_range(STDERR_FILENO + 1, CHANNELS_FROM - 1, 0) < 0)
        _exit(EXIT_FAILURE);
    for (unsigned i = 0; i < EGRESS_RESOLVERS; i++)
        start(&kept[i]);
    for (;;) {
        int status;
        pid_t pid = wait4(-1, &status, 0, NULL);
        if (pid > 0)
            on_end(kept, pid, status);
        else if (errno != EINTR)
            _exit(EXIT_SUCCESS);
    }
}
