#include "sandbox/helpers/exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/export_channel.h"
#include "sandbox/daemon/client.h"
#include "sandbox/helpers/helper.h"

// A decoder, an encoder and a picture of 4K; the recording is never in memory.
static const struct sandbox_limits limits = {.memory_mb = 1536, .cpu_percent = 100, .pids = 16};

struct exporter {
    struct helper helper;
    unsigned slot;
    struct watch
        client_gone; // the exporter's end of its channel hangs up when nobody waits for the film any more
    uint64_t number;
    uint64_t client; // who asked: service->client_count then
    int channel;     // the client's end until it is passed on
};

static void exporter_free(struct exporter *exporter)
{
    if (!exporter)
        return;
    struct service *service = exporter->helper.service;
    helper_finish(&exporter->helper);
    watch_close(&exporter->client_gone);
    cleanup_fd(&exporter->channel);
    if (service->exporters[exporter->slot] == exporter)
        service->exporters[exporter->slot] = NULL;
    free(exporter);
}

static void cleanup_exporter(struct exporter **exporter)
{
    exporter_free(*exporter);
}

static void answer(struct exporter *exporter, int failed)
{
    struct service *service = exporter->helper.service;
    struct sandboxd_message message = {.kind = SANDBOXD_EXPORTED};
    message.exported = (struct sandboxd_exported){exporter->number};
    if (failed) {
        message.kind = SANDBOXD_EXPORT_FAILED;
        message.export_failed = (struct sandboxd_export_failed){.number = exporter->number, .error = failed};
    }
    if (exporter->client == service->client_count) // else it asked and went away
        client_send(service, &message, failed ? -1 : exporter->channel);
    cleanup_fd(&exporter->channel);
    exporter->channel = -1;
}

static void on_started(struct helper *helper)
{
    answer(CONTAINER_OF(helper, struct exporter, helper), helper->failed);
}

static void on_ended(struct helper *helper)
{
    struct exporter *exporter = CONTAINER_OF(helper, struct exporter, helper);
    if (exporter->channel >= 0)
        answer(exporter, helper->failed ? helper->failed : EIO);
    exporter_free(exporter);
}

// An exporter says nothing for minutes, or for ever: it does not find out by itself.
static void on_client_gone(struct watch *watch, uint32_t events)
{
    (void)events;
    struct exporter *exporter = CONTAINER_OF(watch, struct exporter, client_gone);
    watch_close(watch);
    helper_end(&exporter->helper);
}

static int start(struct exporter *exporter)
{
    int channel[2];
    int error = ipc_pair(0, channel);
    if (error)
        return error;
    ipc_refuse_fds(channel[0]);
    exporter->channel = channel[0];
    AUTO_FD int theirs = channel[1];
    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    if (!plan)
        return -ENOMEM;
    struct service *service = exporter->helper.service;
    int copy = fcntl(theirs, F_DUPFD_CLOEXEC, 0);
    error = copy < 0 ? -errno : watch_open(&exporter->client_gone, service->epoll, copy, 0, on_client_gone);
    if (error)
        return error;
    error = plan_exporter(plan, &service->host, exporter->helper.host_uid);
    if (error)
        return error;
    struct launch launch = {.plan = plan,
                            .standard = {service->null_fd, service->null_fd, STDERR_FILENO},
                            .descriptors = {{theirs, EXPORT_CHANNEL_FD}},
                            .descriptor_count = 1};
    char group[CGROUP_NAME_MAX];
    snprintf(group, sizeof(group), "x%u", exporter->slot);
    return helper_launch(&exporter->helper, &launch, group, &limits);
}

int exporter_start(struct service *service, const struct sandboxd_export *request)
{
    if (service->stopping)
        return -ESHUTDOWN;
    unsigned slot = 0;
    while (slot < EXPORTERS_MAX && service->exporters[slot])
        slot++;
    if (slot == EXPORTERS_MAX)
        return -EUSERS;
    CLEANUP(cleanup_exporter) struct exporter *exporter = calloc(1, sizeof(*exporter));
    if (!exporter)
        return -ENOMEM;
    *exporter = (struct exporter){.slot = slot,
                                  .number = request->number,
                                  .client = service->client_count,
                                  .channel = -1,
                                  .client_gone = WATCH_CLOSED};
    helper_init(&exporter->helper, service, "exporter", HOST_UID_EXPORTERS + slot);
    exporter->helper.started = on_started;
    exporter->helper.ended = on_ended;
    int error = start(exporter);
    if (error)
        return error;
    service->exporters[slot] = steal_pointer(&exporter);
    return 0;
}

void exporters_stop(struct service *service)
{
    for (unsigned i = 0; i < EXPORTERS_MAX; i++) {
        if (service->exporters[i])
            helper_end(&service->exporters[i]->helper);
    }
}

bool exporters_gone(const struct service *service)
{
    bool gone = true;
    for (unsigned i = 0; i < EXPORTERS_MAX; i++)
        gone = gone && !service->exporters[i];
    return gone;
}
