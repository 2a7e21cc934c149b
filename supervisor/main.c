#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/config.h"
#include "supervisor/cgroup.h"
#include "supervisor/database.h"
#include "supervisor/message.h"
#include "supervisor/plan.h"
#include "supervisor/settings.h"
#include "supervisor/state_dir.h"
#include "supervisor/supervisor.h"
#include "supervisor/sweeper.h"

// What is removed at the end.
struct resources {
    struct settings settings;
    struct state_dir state;
    struct cgroup cgroup;
    bool has_cgroup;
    struct sweeper sweeper;
};

static void print_help(void)
{
    printf("usage: sandbox-supervisor [--help | --version]\n\n"
           "Starts sandbox-server with everything it needs, keeps it running and stops it on SIGTERM or "
           "Ctrl-C.\n"
           "Settings come from the environment and from config.env in the state directory:\n\n"
           "  STATE_DIR  where everything is kept; root: /var/lib/sandbox-server, else\n"
           "             $XDG_STATE_HOME/sandbox-server or ~/.local/state/sandbox-server\n\n");
    config_print_help();
}

static void block_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

// A descriptor that is opened later must never become 0, 1 or 2.
static int open_standard_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            return -errno;
    } while (fd <= STDERR_FILENO);
    close(fd);
    return 0;
}

static void report_weaker(const struct resources *r)
{
    if (!r->settings.as_root) {
        say("weaker: every program runs as one user, so a taken-over one can read the others' files");
        say("weaker: sandboxes share that user's id instead of having one each");
    }
    if (!r->has_cgroup || !r->cgroup.limits_memory)
        say("weaker: a sandbox's memory isn't limited (no control group for it)");
    if (!r->has_cgroup || !r->cgroup.limits_processes)
        say("weaker: the number of a sandbox's processes isn't limited by a control group");
    if (!r->has_cgroup || !r->cgroup.limits_cpu)
        say("weaker: a sandbox's processor time isn't limited (no control group for it)");
}

// The name is the state directory's identity, so that the next run finds what a power loss or SIGKILL left.
static void create_cgroup(struct resources *r)
{
    const struct identity *user = &r->settings.identities.sandboxd;
    struct stat status;
    char name[64];

    if (!r->settings.as_root || fstat(r->state.fd, &status) < 0)
        return;
    snprintf(name, sizeof(name), "sandbox-server-%jx-%jx", (uintmax_t)status.st_dev,
             (uintmax_t)status.st_ino);
    int result = cgroup_create(name, user->uid, user->gid, &r->cgroup);
    if (result < 0)
        say("can't make control groups (%s)", strerror(-result));
    r->has_cgroup = result == 0;
}

static int run_plan(struct resources *r)
{
    const struct cgroup *cgroup = r->has_cgroup ? &r->cgroup : NULL;
    struct database database;
    struct plan plan;
    bool embedded = r->settings.embedded_database;

    if (embedded && database_prepare(&r->settings, &r->state, &database) < 0)
        return 1;
    int result = sweeper_start(&r->state, cgroup, &r->sweeper);
    if (result == 0) {
        result = plan_init(&plan, &r->settings, &r->state, embedded ? &database : NULL, cgroup);
        if (result == 0)
            result = supervisor_run(&plan, &r->sweeper);
        plan_finish(&plan);
    }
    if (result < 0)
        say("can't run (%s)", strerror(-result));
    return result < 0 ? 1 : result;
}

static int remove_traces(struct resources *r)
{
    int status = 0;
    int result = r->has_cgroup ? cgroup_remove(&r->cgroup) : 0;

    if (result < 0) {
        say("can't remove control group %s (%s): remove it", r->cgroup.name, strerror(-result));
        status = 1;
    }
    result = state_dir_remove_run(&r->state);
    if (result < 0) {
        say("can't remove %s/run (%s): remove it", r->settings.state_dir, strerror(-result));
        status = 1;
    }
    sweeper_dismiss(&r->sweeper);
    state_dir_close(&r->state);
    return status;
}

static int run(void)
{
    struct resources r = {.sweeper.channel = -1};

    if (settings_load(&r.settings) < 0)
        return 1;
    if (state_dir_open(&r.settings, &r.state) < 0) {
        settings_free(&r.settings);
        return 1;
    }
    int status = 1;
    if (settings_check_listen(&r.settings) == 0) {
        create_cgroup(&r);
        report_weaker(&r);
        status = run_plan(&r);
    }
    int left = remove_traces(&r);
    settings_free(&r.settings);
    return status != 0 ? status : left;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("sandbox-supervisor %s\n", SANDBOX_VERSION);
        return 0;
    }
    if (open_standard_descriptors() < 0)
        return 1;
    if (argc != 1) {
        say("unknown argument %s: see --help", argv[1]);
        return 2;
    }
    block_signals();
    umask(022);
    // Orphans of the programs come here instead of to pid 1, so that none can be missed.
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        say("can't become a subreaper (%s)", strerror(errno));
        return 1;
    }
    return run();
}
