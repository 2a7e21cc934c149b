#include "sandbox/helpers/helper.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/log.h"

void helper_init(struct helper *helper, struct service *service, const char *name, uint32_t number)
{
    const struct watch closed = WATCH_CLOSED;
    *helper =
        (struct helper){.service = service,
                        .name = name,
                        .host_uid = service->host.own_uids ? service->settings->uid_base + number : geteuid(),
                        .setup = closed,
                        .builder = closed,
                        .process = closed};
}

void helper_finish(struct helper *helper)
{
    watch_close(&helper->setup);
    watch_close(&helper->builder);
    watch_close(&helper->process);
    cgroup_remove(&helper->service->cgroups, &helper->cgroup);
}

static void end_when_gone(struct helper *helper)
{
    if (helper->setup.fd < 0 && helper->builder.fd < 0 && helper->process.fd < 0)
        helper->ended(helper);
}

void helper_end(struct helper *helper)
{
    helper->ending = true;
    cgroup_lift_cpu(&helper->service->cgroups, &helper->cgroup);
    int error = cgroup_kill(&helper->service->cgroups, &helper->cgroup);
    if (error && helper->process.fd >= 0)
        error = launch_kill(helper->process.fd, helper->host_uid);
    if (error && error != -ENOTSUP)
        log_error("can't kill a helper", {"helper", helper->name}, {"error", strerror(-error)});
}

static void on_ended(struct helper *helper, struct watch *watch)
{
    int status = 0;
    int ended = launch_reap(watch->fd, &status);
    if (ended == 0)
        return;
    if (ended < 0)
        log_error("a helper can't be waited for", {"helper", helper->name}, {"error", strerror(-ended)});
    watch_close(watch);
    end_when_gone(helper);
}

static void on_process_ended(struct watch *watch, uint32_t events)
{
    (void)events;
    on_ended(CONTAINER_OF(watch, struct helper, process), watch);
}

static void on_builder_ended(struct watch *watch, uint32_t events)
{
    (void)events;
    on_ended(CONTAINER_OF(watch, struct helper, builder), watch);
}

static void on_setup(struct watch *watch, uint32_t events)
{
    (void)events;
    struct helper *helper = CONTAINER_OF(watch, struct helper, setup);
    struct setup_message message;
    enum setup_event event;
    int pidfd = -1;
    int error = launch_receive(watch->fd, &event, &message, &pidfd);
    if (error == -EAGAIN)
        return;
    if (!error && event == SETUP_EVENT_STARTED) {
        error = watch_open(&helper->process, helper->service->epoll, pidfd, EPOLLIN, on_process_ended);
        if (!error && helper->ending)
            helper_end(helper);
        if (!error)
            return;
    }
    watch_close(watch);
    if (error || event == SETUP_EVENT_FAILED) {
        helper->failed = error ? -error : message.error;
        log_error("a helper did not start", {"helper", helper->name},
                  {"operation", error ? "set-up" : operation_name(message.operation)},
                  {"error", strerror(helper->failed)});
        helper_end(helper);
    } else if (!helper->ending && helper->process.fd >= 0) {
        helper->started(helper);
    }
    end_when_gone(helper);
}

static int join_cgroup(struct helper *helper, struct launch *launch, const char *group,
                       const struct sandbox_limits *limits)
{
    struct cgroup_root *cgroups = &helper->service->cgroups;
    int error = cgroup_make(cgroups, group, limits, &helper->cgroup);
    return error ? error : cgroup_open_entry(cgroups, &helper->cgroup, &launch->cgroup);
}

int helper_launch(struct helper *helper, struct launch *launch, const char *group,
                  const struct sandbox_limits *limits)
{
    struct launched launched;
    int error = join_cgroup(helper, launch, group, limits);
    if (!error)
        error = launch_start(launch, &launched);
    cgroup_entry_finish(&launch->cgroup);
    if (error)
        return error;
    int epoll = helper->service->epoll;
    error = watch_open(&helper->setup, epoll, launched.setup, EPOLLIN, on_setup);
    int result = watch_open(&helper->builder, epoll, launched.builder, EPOLLIN, on_builder_ended);
    return error ? error : result;
}
