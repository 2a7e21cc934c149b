// sandbox-run: one command in a sandbox of its own, for root and for everybody, without a daemon (sandbox/DESIGN.md).

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sandbox/daemon/settings.h"
#include "sandbox/run/report.h"
#include "sandbox/run/share.h"

#define STATUS_FAILED 125
#define DESCRIPTORS_NEEDED 256
// Above the uids of accounts and streamers (docs/ARCHITECTURE.md): one for each process id, so that no two commands share one.
#define COMMAND_UID_BASE (1879048192u + (1u << 21))
#define PROXY_UID_OFFSET (1u << 22) // process ids are below that: the command's sandbox-egress

static int keep_standard_descriptors(void)
{
    for (;;) {
        int fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            return -errno;
        if (fd > STDERR_FILENO)
            return close(fd);
    }
}

static int check_layers(const struct options *options, const struct probe *probe)
{
    int error = 0;
    for (unsigned i = 0; i < LAYER_COUNT; i++) {
        const struct layer_report *layer = &probe->layers[i];
        if (layer->state == LAYER_ON || !options->required[i])
            continue;
        fprintf(stderr, "sandbox-run: --require: %s is %s: %s\n", layer_name(i),
                layer_state_name(layer->state), layer->detail);
        error = -ENOTSUP;
    }
    return error;
}

// A limit that was asked for and that nothing holds is said aloud, not in a report alone.
static void warn(const struct options *options, const struct probe *probe)
{
    const struct {
        bool asked;
        const char *option;
        enum layer layer;
    } limits[] = {{options->asked_memory, "--memory", LAYER_MEMORY_LIMIT},
                  {options->asked_cpu, "--cpu", LAYER_CPU_LIMIT},
                  {options->asked_pids, "--pids", LAYER_PROCESS_LIMIT}};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const struct layer_report *layer = &probe->layers[limits[i].layer];
        if (limits[i].asked && layer->state == LAYER_MISSING)
            fprintf(stderr, "sandbox-run: %s has no effect here: %s\n", limits[i].option, layer->detail);
    }
}

// What began a run; none of it is the sandbox's.
struct attempt {
    const struct options *options;
    const struct cgroup_root *cgroups;
    struct probe probe;
    struct plan_host host;
    char directory[SETTINGS_PATH_MAX];
    uid_t uid;
};

static void write_report(const struct attempt *attempt, const struct outcome *outcome)
{
    const struct options *options = attempt->options;
    if (options->json_fd >= 0 && report_write(options, &attempt->probe, outcome) < 0)
        fprintf(stderr, "sandbox-run: the report can't be written\n");
}

// Nothing was started. Who reads reports finds one for this too.
static int give_up(const struct attempt *attempt, const char *step, int error)
{
    struct outcome outcome = report_of_nothing(step, -error);
    write_report(attempt, &outcome);
    return STATUS_FAILED;
}

static int run(const struct attempt *attempt, const struct plan *plan)
{
    const struct options *options = attempt->options;
    struct outcome outcome;
    CLEANUP(launch_mounts_finish) struct launch_mounts mounts = {0};
    CLEANUP(run_network_finish) struct run_network network = RUN_NETWORK_NONE;
    if (check_layers(options, &attempt->probe) < 0)
        return give_up(attempt, "require", -ENOTSUP);
    warn(options, &attempt->probe);
    int error = attempt->host.own_uids ? share_paths(options, attempt->uid, &mounts) : 0;
    if (!error && options->command.network) {
        error = run_network_start(&network, &attempt->host, attempt->uid + PROXY_UID_OFFSET);
        if (error)
            return give_up(attempt, "egress", error);
    }
    if (!error)
        error = session_run(options, plan, attempt->cgroups, &mounts, &network, &outcome);
    if (error) {
        fprintf(stderr, "sandbox-run: the sandbox can't be made: %s%s\n", strerror(-error),
                report_advice(-error));
        return give_up(attempt, "start", error);
    }
    run_network_finish(&network);
    report_take_network(&network, &outcome);
    report_print(options, &outcome);
    write_report(attempt, &outcome);
    return report_exit_status(&outcome);
}

static int plan_and_run(const struct options *options, const struct cgroup_root *cgroups)
{
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    struct attempt attempt = {
        .options = options, .cgroups = cgroups, .uid = COMMAND_UID_BASE + (uint32_t)getpid()};
    probe_ask(cgroups, attempt.uid, &options->command, &attempt.probe);
    if (settings_own_directory(attempt.directory) < 0) {
        fprintf(stderr, "sandbox-run: /proc is not mounted\n");
        return give_up(&attempt, "plan", -ENOENT);
    }
    attempt.host = (struct plan_host){.program_dir = attempt.directory,
                                      .own_uids = attempt.probe.own_uids,
                                      .cgroups = cgroups->backend != CGROUP_NONE,
                                      .landlock = attempt.probe.landlock,
                                      .seccomp = attempt.probe.seccomp};
    if (!plan || plan_command(plan, &attempt.host, &options->command, attempt.uid) < 0) {
        fprintf(stderr, "sandbox-run: the plan of the sandbox does not fit\n");
        return give_up(&attempt, "plan", -E2BIG);
    }
    if (!options->plan_only)
        return run(&attempt, plan);
    plan_print(plan, stdout);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : STATUS_FAILED;
}

// A low soft limit is a default; what the sandbox needs and what it gives are not meant by it.
static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_NEEDED)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_NEEDED ? limit.rlim_max : DESCRIPTORS_NEEDED;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    CLEANUP(options_finish) struct options options = {.json_fd = -1};
    struct cgroup_root cgroups;
    allow_descriptors();
    signal(SIGCHLD, SIG_DFL); // a caller that ignores it would have the kernel reap what is waited for here
    int error = keep_standard_descriptors();
    if (error < 0) {
        fprintf(stderr, "sandbox-run: /dev/null can't be opened: %s%s\n", strerror(-error),
                report_advice(-error));
        return STATUS_FAILED;
    }
    if (options_parse(argc, argv, &options) < 0)
        return STATUS_FAILED;
    if (options.help) {
        options_print_help();
        return EXIT_SUCCESS;
    }
    if (options.version) {
        printf("sandbox-run %s\n", SANDBOX_VERSION);
        return EXIT_SUCCESS;
    }
    if (cgroup_root_for_command(&cgroups) < 0) {
        fprintf(stderr, "sandbox-run: /proc is not mounted\n");
        return STATUS_FAILED;
    }
    int status = plan_and_run(&options, &cgroups);
    cgroup_root_close(&cgroups);
    return status;
}
