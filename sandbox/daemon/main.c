// sandboxd: makes, watches and ends sandboxes (sandbox/DESIGN.md).

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/activation.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "sandbox/daemon/daemon.h"
#include "sandbox/daemon/service.h"

static void cleanup_config(struct config **config)
{
    config_free(*config);
}

static void print_help(void)
{
    printf("usage: sandboxd [--config FILE]\n"
           "       sandboxd --probe    prints which isolation layers this host gives: name, state, detail\n"
           "       sandboxd --help | --version\n\n"
           "Makes sandboxes for sandbox-server. Settings, from FILE and the environment:\n\n");
    config_print_help();
}

// The service never needs root, and as root a mistake in it would be one of root's.
static int refuse_root(void)
{
    if (geteuid() != 0)
        return 0;
    fprintf(stderr,
            "sandboxd: refusing to run as root: start it as its own user with CAP_SETUID and CAP_SETGID "
            "(sandbox-supervisor does), or as a plain user\n");
    return -EPERM;
}

static int open_cgroups(const struct config *config, struct cgroup_root *ret_root)
{
    const char *backend = config_text(config, CONFIG_SANDBOX_CGROUP_BACKEND);
    const char *path = config_text(config, CONFIG_SANDBOX_CGROUP_PATH);
    // A probe as root must not take the machine's own groups for delegated ones.
    int error = cgroup_root_open(geteuid() == 0 && !*path ? "none" : backend, path, ret_root);
    if (error)
        log_error("the control groups of SANDBOX_CGROUP_BACKEND can't be used", {"error", strerror(-error)});
    return error;
}

static int check_layers(const struct settings *settings, const struct probe *probe)
{
    int error = 0;
    for (unsigned i = 0; i < LAYER_COUNT; i++) {
        const struct layer_report *layer = &probe->layers[i];
        if (layer->state == LAYER_ON)
            continue;
        bool refused = settings->required[i];
        log_event(refused ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
                  refused ? "a required isolation layer is not complete"
                          : "an isolation layer is not complete",
                  (const struct log_field[]){{"layer", layer_name(i)},
                                             {"state", layer_state_name(layer->state)},
                                             {"detail", layer->detail},
                                             {0}});
        error = refused ? -ENOTSUP : error;
    }
    return error;
}

static void print_probe(const struct config *config, const struct probe *probe)
{
    struct foundation_ids ids = {0};
    if (probe->own_uids)
        ids = (struct foundation_ids){.first = (uint32_t)config_number(config, CONFIG_SANDBOX_UID_BASE) +
                                               HOST_UID_PARKED,
                                      .count = HOST_UID_PARKED_COUNT};
    probe_print(probe, stdout);
    probe_print_foundation(&ids, stdout);
}

static int run(const struct config *config, int listener, bool only_probe)
{
    struct cgroup_root cgroups;
    struct probe probe;
    struct settings settings;
    struct config_error problem;
    if (!only_probe && settings_init(&settings, config, listener, &problem) < 0) {
        log_error("wrong configuration", {"problem", problem.text});
        return -EINVAL;
    }
    int error = open_cgroups(config, &cgroups);
    if (error)
        return error;
    probe_run(&cgroups, &probe);
    if (only_probe) {
        print_probe(config, &probe);
    } else {
        struct cgroup_owners owners = {
            .own = geteuid(), .first = settings.uid_base, .count = probe.own_uids ? HOST_UIDS_COUNT : 0};
        error = check_layers(&settings, &probe);
        if (!error && (error = cgroup_clear(&cgroups, &owners)) < 0)
            log_error("sandboxes of an earlier run can't be ended", {"error", strerror(-error)});
        if (!error)
            error = daemon_run(&settings, &probe, &cgroups);
    }
    cgroup_root_close(&cgroups);
    return error;
}

static bool has_option(int argc, char **argv, const char *name)
{
    return argc == 2 && strcmp(argv[1], name) == 0;
}

int main(int argc, char **argv)
{
    CLEANUP(cleanup_config) struct config *config = config_new();
    struct config_error problem;
    if (has_option(argc, argv, "--help")) {
        print_help();
        return EXIT_SUCCESS;
    }
    if (has_option(argc, argv, "--version")) {
        printf("sandboxd %s, channel %u\n", SANDBOX_VERSION, SANDBOXD_CHANNEL_VERSION);
        return EXIT_SUCCESS;
    }
    if (!config || config_load(config, &argc, argv, &problem) < 0) {
        fprintf(stderr, "sandboxd: %s\n", config ? problem.text : strerror(ENOMEM));
        return EXIT_FAILURE;
    }
    bool only_probe = has_option(argc, argv, "--probe");
    if (argc > 1 && !only_probe) {
        fprintf(stderr, "sandboxd: unknown option %s; see --help\n", argv[1]);
        return EXIT_FAILURE;
    }
    config_open_log(config, "sandboxd");
    signal(SIGPIPE, SIG_IGN);
    if (!only_probe && refuse_root() < 0)
        return EXIT_FAILURE;
#ifndef SANITIZED_BUILD // the leak check at exit traces the process
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return EXIT_FAILURE;
#endif
    int listener = -1;
    if (activation_take(&listener) < 0) {
        log_error("what was passed is not one listening SOCK_SEQPACKET socket; look at sandboxd.socket");
        return EXIT_FAILURE;
    }
    return run(config, listener, only_probe) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
