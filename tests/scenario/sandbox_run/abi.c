// Runs a program on a kernel whose Landlock is as old as that: abi VERSION PROGRAM [ARGUMENT]... The question for the version is answered here;
// every other call reaches the kernel.
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CREATE_RULESET_VERSION 1u // LANDLOCK_CREATE_RULESET_VERSION

static void answer(int listener, int64_t version)
{
    struct seccomp_notif *question;
    struct seccomp_notif_resp *answer;
    if (seccomp_notify_alloc(&question, &answer) < 0)
        return;
    for (;;) {
        memset(question, 0, sizeof(*question)); // the kernel wants it so
        if (seccomp_notify_receive(listener, question) < 0)
            return;
        answer->id = question->id;
        answer->val = version;
        answer->error = 0;
        answer->flags = 0;
        seccomp_notify_respond(listener, answer); // fails when the asker is gone
    }
}

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (argc < 3 || !filter)
        return EXIT_FAILURE;
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, geteuid() == 0 ? 0 : 1);
    if (seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(landlock_create_ruleset), 1,
                         SCMP_A2(SCMP_CMP_EQ, CREATE_RULESET_VERSION)) < 0 ||
        seccomp_load(filter) < 0)
        return EXIT_FAILURE;
    pid_t helper = getpid();
    int listener = seccomp_notify_fd(filter);
    pid_t pid = fork();
    if (pid < 0)
        return EXIT_FAILURE;
    if (pid > 0) { // the one that the test waits for is the program
        execv(argv[2], argv + 2);
        return EXIT_FAILURE;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == helper)
        answer(listener, strtol(argv[1], NULL, 10));
    return EXIT_SUCCESS;
}
