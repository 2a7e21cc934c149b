#include "server/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/limits.h"

#define LOOP_PROTOCOLS_MAX 4
#define LOOP_BATCH 64

struct loop {
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct lws_protocols protocols[LOOP_PROTOCOLS_MAX + 2];
    int epoll_fd; // libwebsockets closes it with its context
    struct epoll_event batch[LOOP_BATCH];
    int batch_count;
    int batch_next;
    bool stopping;
};

static void dispatch(struct loop *loop)
{
    int count = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, 0);
    loop->batch_count = count > 0 ? count : 0;
    for (loop->batch_next = 0; loop->batch_next < loop->batch_count;) {
        struct epoll_event *event = &loop->batch[loop->batch_next++];
        struct loop_watch *watch = event->data.ptr;
        if (watch)
            watch->ready(watch->data, event->events);
    }
    loop->batch_count = 0;
}

static int callback_epoll(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                          size_t length)
{
    (void)user;
    (void)in;
    (void)length;
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        dispatch(lws_get_protocol(wsi)->user);
    return 0;
}

static void log_libwebsockets(int level, const char *line)
{
    (void)level;
    // Its errors are mostly what some client sent: nothing that an operator could mend.
    log_debug("libwebsockets", {"line", line});
}

static int open_context(struct loop *loop, const struct loop_shape *shape)
{
    static const lws_retry_bo_t validity = {
        .secs_since_valid_ping = VIEWER_PING_SECONDS,
        .secs_since_valid_hangup = VIEWER_PING_SECONDS + 15,
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, log_libwebsockets);
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = loop->protocols,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .max_http_header_data = HTTP_HEADERS_MAX,
        .max_http_header_pool = (unsigned short)shape->connection_maximum,
        .fd_limit_per_thread = shape->connection_maximum + ACCEPT_BATCH + 16,
        .pt_serv_buf_size = 16384,
        .timeout_secs = HTTP_TIMEOUT_SECONDS,
        .keepalive_timeout = HTTP_KEEPALIVE_SECONDS,
        .vhost_name = "web",
        .headers = shape->headers,
        .alpn = "http/1.1", // WebSocket over HTTP/2 corrupts the heap with frames of 100 KB (4.1.6)
        .retry_and_idle_policy = &validity,
    };
    loop->context = lws_create_context(&info);
    if (!loop->context)
        return -ENOMEM;
    loop->vhost = lws_create_vhost(loop->context, &info);
    return loop->vhost ? 0 : -ENOMEM;
}

static int adopt_epoll(struct loop *loop)
{
    lws_adopt_desc_t description = {
        .vh = loop->vhost,
        .type = LWS_ADOPT_RAW_FILE_DESC,
        .fd.filefd = loop->epoll_fd,
        .vh_prot_name = "epoll",
    };
    return lws_adopt_descriptor_vhost_via_info(&description) ? 0 : -ENOMEM;
}

struct loop *loop_new(const struct loop_shape *shape)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return NULL;
    unsigned count = 0;
    for (; shape->protocols[count].name; count++) {
        if (count == LOOP_PROTOCOLS_MAX)
            abort();
        loop->protocols[count] = shape->protocols[count];
    }
    loop->protocols[count] =
        (struct lws_protocols){.name = "epoll", .callback = callback_epoll, .user = loop};
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0 || open_context(loop, shape) < 0 || adopt_epoll(loop) < 0) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->context)
        lws_context_destroy(loop->context);
    free(loop);
}

int loop_run(struct loop *loop)
{
    while (!loop->stopping) {
        if (lws_service(loop->context, 0) < 0)
            return -EIO;
    }
    loop->stopping = false;
    return 0;
}

void loop_stop(struct loop *loop)
{
    if (loop->stopping)
        return; // it may be on its way out of memory
    loop->stopping = true;
    lws_cancel_service(loop->context);
}

struct lws *loop_adopt_http(struct loop *loop, int fd, void *opaque)
{
    lws_adopt_desc_t description = {
        .vh = loop->vhost,
        .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
        .fd.sockfd = fd,
        .opaque = opaque,
    };
    return lws_adopt_descriptor_vhost_via_info(&description);
}

int loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    watch->fd = fd;
    watch->events = events;
    return 0;
}

int loop_watch_change(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
    if (watch->events == events)
        return 0;
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
        return -errno;
    watch->events = events;
    return 0;
}

void loop_watch_remove(struct loop *loop, struct loop_watch *watch)
{
    if (watch->fd < 0)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fd = -1;
    for (int i = loop->batch_next; i < loop->batch_count; i++) {
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
    }
}

static void fire_timer(lws_sorted_usec_list_t *sul)
{
    struct loop_timer *timer = lws_container_of(sul, struct loop_timer, sul);
    timer->fire(timer->data);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t after_us)
{
    lws_sul_schedule(loop->context, 0, &timer->sul, fire_timer, after_us > 0 ? after_us : 1);
}

void loop_timer_cancel(struct loop_timer *timer)
{
    lws_sul_cancel(&timer->sul);
}
