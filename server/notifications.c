#include "server/notifications.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/log.h"
#include "server/clock.h"
#include "server/operator_changes.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/viewers.h"
#include "store/notification.h"

#define RETRY_US SECOND_US

struct notifications {
    struct server *server;
    struct store *store; // a worker's while it connects, the loop's while it listens
    struct work_job job;
    int error;
    bool complained;
    struct loop_watch watch;
    struct loop_timer retry;
};

static void run(struct work_job *job, struct store *store)
{
    (void)store;
    struct notifications *notifications = lws_container_of(job, struct notifications, job);
    notifications->error = store_listen(notifications->store);
}

static void retry_later(struct notifications *notifications)
{
    loop_timer_set(notifications->server->loop, &notifications->retry, RETRY_US);
}

static void act(struct notifications *notifications, const struct store_notification *notification)
{
    struct server *server = notifications->server;
    if (notification->kind == NOTIFICATION_DRAIN || notification->kind == NOTIFICATION_RESUME) {
        if (strcmp(notification->node, server->node) == 0)
            server_drain(server, notification->kind == NOTIFICATION_DRAIN);
        return;
    }
    if (notification->kind == NOTIFICATION_CHANGE)
        operator_changes_look(server->operator_changes);
    if (notification->kind == NOTIFICATION_CHANGE || notification->kind == NOTIFICATION_CHANGED)
        return;
    if (notification->kind == NOTIFICATION_RESTORED && !server->stopping) {
        // What is in memory belongs to rows that are gone; a start compares sandboxd's sandboxes with those there are.
        log_warning("The database was restored from a backup: this program ends to be started again");
        server->begin_anew = true;
        loop_stop(server->loop);
        return;
    }
    if (notification->kind == NOTIFICATION_ACCOUNT_DISABLED)
        viewers_account_disabled(server->viewers, &notification->id);
    if (notification->kind == NOTIFICATION_SHARE) {
        viewers_check(server->viewers);
        return;
    }
    // Which sandboxes, and why, stands in their rows.
    sandboxes_read_wishes(server->sandboxes);
}

static void on_ready(void *data, uint32_t events)
{
    (void)events;
    struct notifications *notifications = data;
    struct store_notification notification;
    int error;
    while ((error = store_next_notification(notifications->store, &notification)) == 0)
        act(notifications, &notification);
    if (error == -EAGAIN)
        return;
    loop_watch_remove(notifications->server->loop, &notifications->watch);
    retry_later(notifications);
}

static void done(struct work_job *job)
{
    struct notifications *notifications = lws_container_of(job, struct notifications, job);
    int fd = notifications->error ? -1 : store_listen_socket(notifications->store);
    if (fd < 0 || loop_watch_add(notifications->server->loop, &notifications->watch, fd, EPOLLIN) < 0) {
        if (!notifications->complained)
            log_warning("The database can't be reached; requests are answered with 503 until it can",
                        {"error", store_error(notifications->store)});
        notifications->complained = true;
        retry_later(notifications);
        return;
    }
    log_info("The database answers");
    notifications->complained = false;
    // What was announced while nobody listened.
    sandboxes_read_wishes(notifications->server->sandboxes);
    operator_changes_look(notifications->server->operator_changes);
    viewers_check(notifications->server->viewers);
}

static void on_retry(void *data)
{
    struct notifications *notifications = data;
    notifications->job = (struct work_job){.run = run, .done = done};
    notifications->error = -ECANCELED;
    if (work_submit(notifications->server->work, WORK_DATABASE, &notifications->job) < 0)
        retry_later(notifications);
}

struct notifications *notifications_new(struct server *server, const char *database_url)
{
    struct notifications *notifications = calloc(1, sizeof(*notifications));
    if (!notifications)
        return NULL;
    notifications->server = server;
    notifications->watch = (struct loop_watch){.fd = -1, .ready = on_ready, .data = notifications};
    notifications->retry = (struct loop_timer){.fire = on_retry, .data = notifications};
    notifications->store = store_new(database_url);
    if (!notifications->store) {
        free(notifications);
        return NULL;
    }
    on_retry(notifications);
    return notifications;
}

bool notifications_listening(const struct notifications *notifications)
{
    return notifications->watch.fd >= 0;
}

void notifications_free(struct notifications *notifications)
{
    if (!notifications)
        return;
    loop_timer_cancel(&notifications->retry);
    loop_watch_remove(notifications->server->loop, &notifications->watch);
    store_free(notifications->store);
    free(notifications);
}
