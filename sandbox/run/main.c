// sandbox-run: one command in a sandbox of its own, for root and for everybody, without a daemon (sandbox/DESIGN.md).

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sandbox/daemon/settings.h"
#include "sandbox/run/report.h"
#include "sandbox/run/share.h"

#define STATUS_FAILED 125
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

static int run(const struct options *options, const struct cgroup_root *cgroups)
{
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    struct probe probe;
    struct outcome outcome;
    uid_t uid = COMMAND_UID_BASE + (uint32_t)getpid();
    probe_ask(cgroups, uid, options->command.network, &probe);
    char directory[SETTINGS_PATH_MAX];
    if (settings_own_directory(directory) < 0) {
        fprintf(stderr, "sandbox-run: /proc is not mounted\n");
        return STATUS_FAILED;
    }
    struct plan_host host = {.program_dir = directory,
                             .own_uids = probe.own_uids,
                             .cgroups = cgroups->backend != CGROUP_NONE,
                             .landlock = probe.landlock,
                             .seccomp = probe.seccomp};
    if (!plan || plan_command(plan, &host, &options->command, uid) < 0) {
        fprintf(stderr, "sandbox-run: the plan of the sandbox does not fit\n");
        return STATUS_FAILED;
    }
    if (options->plan_only) {
        plan_print(plan, stdout);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : STATUS_FAILED;
    }
    if (check_layers(options, &probe) < 0)
        return STATUS_FAILED;
    CLEANUP(launch_mounts_finish) struct launch_mounts mounts = {0};
    CLEANUP(run_network_finish) struct run_network network = RUN_NETWORK_NONE;
    int error = host.own_uids ? share_paths(options, uid, &mounts) : 0;
    if (!error && options->command.network && run_network_start(&network, &host, uid + PROXY_UID_OFFSET) < 0)
        return STATUS_FAILED;
    if (!error)
        error = session_run(options, plan, cgroups, &mounts, &network, &outcome);
    if (error) {
        fprintf(stderr, "sandbox-run: the sandbox can't be made: %s\n", strerror(-error));
        return STATUS_FAILED;
    }
    run_network_finish(&network);
    report_take_network(&network, &outcome);
    report_print(options, &outcome);
    if (options->json_fd >= 0 && report_write(options, &probe, &outcome) < 0)
        fprintf(stderr, "sandbox-run: the report can't be written\n");
    return report_exit_status(&outcome);
}

int main(int argc, char **argv)
{
    CLEANUP(options_finish) struct options options;
    struct cgroup_root cgroups;
    if (keep_standard_descriptors() < 0 || options_parse(argc, argv, &options) < 0)
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
    int status = run(&options, &cgroups);
    cgroup_root_close(&cgroups);
    return status;
}
