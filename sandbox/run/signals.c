#include "sandbox/run/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

static const int forwarded[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1,
                                SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH};

bool signals_ask_for_end(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
}

static void choose(sigset_t *set, bool ends_only)
{
    struct sigaction action;
    sigemptyset(set);
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
        bool heard = sigaction(forwarded[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN;
        if (heard && (signals_ask_for_end(forwarded[i]) || !ends_only))
            sigaddset(set, forwarded[i]);
    }
}

int signals_open(int *ret_fd)
{
    sigset_t set;
    choose(&set, false);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *ret_fd < 0 ? -errno : 0;
}

void signals_narrow(int fd)
{
    sigset_t set;
    choose(&set, true);
    signalfd(fd, &set, 0);
}
