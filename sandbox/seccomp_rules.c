#include "sandbox/seccomp_rules.h"

#include <linux/netlink.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "sandbox/seccomp_calls.h"

// The kernel takes these arguments as 32 bits: what stands in the upper half must not make a difference.
#define INT UINT64_C(0xffffffff)
// Chromium's own sandbox makes user, pid and network namespaces; the others open more of the kernel than they shut.
#define OTHER_NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC)
// In clone's flags the bit of CLONE_NEWTIME belongs to the signal number.
#define ALL_NAMESPACES (OTHER_NAMESPACES | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define SECCOMP_NEW_LISTENER 8u // SECCOMP_FILTER_FLAG_NEW_LISTENER

#define ALLOW(call) SECCOMP_ALLOW(call),
#define OPTION(number) SECCOMP_ALLOW_IF(prctl, 0, INT, number)
#define LIST(rules)                                                                                          \
    {                                                                                                        \
        rules, sizeof(rules) / sizeof((rules)[0])                                                            \
    }

static const struct seccomp_rule common[] = {
    CODE_CALLS(ALLOW) SECCOMP_ALLOW_IF(socket, 0, INT, AF_UNIX),
    SECCOMP_ALLOW_IF(socket, 0, INT, AF_INET),
    SECCOMP_ALLOW_IF(socket, 0, INT, AF_INET6),
    SECCOMP_ALLOW_IF(socketpair, 0, INT, AF_UNIX),
    SECCOMP_ALLOW_IF(personality, 0, INT, 0),
    SECCOMP_ALLOW_IF(personality, 0, INT, INT), // asks only
    OPTION(PR_SET_PDEATHSIG),
    OPTION(PR_GET_PDEATHSIG),
    OPTION(PR_GET_DUMPABLE),
    OPTION(PR_SET_DUMPABLE),
    OPTION(PR_SET_NAME),
    OPTION(PR_GET_NAME),
    OPTION(PR_GET_SECCOMP),
    OPTION(PR_CAPBSET_READ),
    OPTION(PR_GET_SECUREBITS),
    OPTION(PR_GET_KEEPCAPS),
    OPTION(PR_SET_CHILD_SUBREAPER),
    OPTION(PR_GET_CHILD_SUBREAPER),
    OPTION(PR_SET_NO_NEW_PRIVS),
    OPTION(PR_GET_NO_NEW_PRIVS),
    OPTION(PR_SET_THP_DISABLE),
    OPTION(PR_GET_THP_DISABLE),
    OPTION(PR_SET_VMA),
};

// clone3's flags lie in memory, where a filter can't look: without it, libc uses clone.
static const struct seccomp_rule code[] = {
    SECCOMP_ALLOW_IF(clone, 0, ALL_NAMESPACES, 0),
};

static const struct seccomp_rule browser[] = {
    BROWSER_CALLS(ALLOW) SECCOMP_ALLOW_IF(clone, 0, OTHER_NAMESPACES, 0),
    SECCOMP_ALLOW_IF(unshare, 0, OTHER_NAMESPACES | CLONE_NEWTIME, 0),
    {.call = SCMP_SYS(socket),
     .action = SCMP_ACT_ALLOW,
     .argument = 0,
     .mask = INT,
     .value = AF_NETLINK,
     .second_argument = 2,
     .second_mask = INT,
     .second_value = NETLINK_ROUTE},
    SECCOMP_ALLOW_IF(seccomp, 1, SECCOMP_NEW_LISTENER, 0),
    OPTION(PR_SET_SECCOMP),
    OPTION(PR_CAPBSET_DROP),
    OPTION(PR_SET_KEEPCAPS),
    OPTION(PR_CAP_AMBIENT),
    OPTION(PR_GET_TIMERSLACK),
    OPTION(PR_SET_TIMERSLACK),
    OPTION(PR_GET_SPECULATION_CTRL),
    OPTION(PR_SET_PTRACER),
};

static const struct seccomp_rule desktop[] = {DESKTOP_CALLS(ALLOW)};

const struct seccomp_list seccomp_lists[PROFILE_COUNT][SECCOMP_LISTS_MAX] = {
    [PROFILE_DESKTOP] = {LIST(common), LIST(browser), LIST(desktop)},
    [PROFILE_BROWSER] = {LIST(common), LIST(browser)},
    [PROFILE_CODE] = {LIST(common), LIST(code)},
};

const uint32_t seccomp_refused_requests[REFUSED_REQUESTS] = {
    TIOCSTI,   // types into the terminal of whoever started a program
    TIOCLINUX, // the same on a console
    TIOCSETD,  // line disciplines: much old code, loaded on demand
};
