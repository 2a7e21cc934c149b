#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/notify.h"
#include "server/clock.h"
#include "server/confinement.h"
#include "server/films.h"
#include "server/http.h"
#include "server/http_head.h"
#include "server/limits.h"
#include "server/notifications.h"
#include "server/operator_changes.h"
#include "server/origin.h"
#include "server/pruning.h"
#include "server/recorder.h"
#include "server/recording_end.h"
#include "server/reload.h"
#include "server/sandboxd_client.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/sign_in_limits.h"
#include "server/static_files.h"
#include "server/viewers.h"

#define STOP_GRACE_US (SECOND_US / 2) // for close frames and answers to get out

// What main was given, as it was: config_load takes words out of argv.
struct invocation {
    struct config *config;
    int argc;
    char **argv;
};

struct stopper {
    struct server *server;
    const struct invocation *invocation;
    int fd;
    struct loop_watch watch;
    struct loop_timer grace;
    struct loop_timer watchdog;
};

__attribute__((format(printf, 1, 2))) static int refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("sandbox-server: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return -EINVAL;
}

static int check_text(const struct config *config, enum config_key key, const char *advice)
{
    return *config_text(config, key) ? 0 : refuse("%s is not set; %s", config_entry(key)->name, advice);
}

static int check_config(struct server *server)
{
    const struct config *config = server->config;
    if (config_switch(config, CONFIG_FILE_ENCRYPTION_ENABLED))
        return refuse(
            "FILE_ENCRYPTION_ENABLED=true: encryption of home directories is not built yet; set it to false");
    if (check_text(config, CONFIG_JWT_SECRET,
                   "make one with: openssl rand -hex 32, and put it into the secrets file") < 0 ||
        check_text(config, CONFIG_DATABASE_URL, "set it to a PostgreSQL connection string") < 0 ||
        check_text(config, CONFIG_WEB_ROOT, "set it to the directory of the built web client") < 0 ||
        check_text(config, CONFIG_SANDBOXD_SOCKET, "set it to the socket of sandboxd") < 0 ||
        check_text(config, CONFIG_FILE_STORAGE_PATH, "set it to the directory of the home directories") < 0)
        return -EINVAL;
    const char *node = config_text(config, CONFIG_NODE_ID);
    if (node[strspn(node, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")])
        return refuse("NODE_ID may hold letters, digits and . _ - only");
    if (!origin_list_valid(config_text(config, CONFIG_ALLOWED_ORIGINS)))
        return refuse("ALLOWED_ORIGINS must be origins like https://desk.example.org, separated by spaces");
    if (networks_parse(config_text(config, CONFIG_TRUSTED_PROXIES), &server->trusted_proxies) < 0)
        return refuse(
            "TRUSTED_PROXIES must be addresses and networks like 127.0.0.1 10.0.0.0/8, separated by "
            "spaces, %u at most",
            NETWORKS_MAX);
    return 0;
}

static int read_key(struct server *server)
{
    static const enum config_key secrets[] = {CONFIG_JWT_SECRET, CONFIG_JWT_SECRET_PREVIOUS};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        const char *text = config_text(server->config, secrets[i]);
        if (i > 0 && !*text)
            continue;
        if (token_key_init(&server->token_keys[server->token_key_count], text) < 0)
            return refuse("%s is weak: it must be at least 32 random bytes as hexadecimal digits; make one "
                          "with: openssl rand -hex 32",
                          config_entry(secrets[i])->name);
        server->token_key_count++;
    }
    token_key_successor(&server->token_keys[0], &server->successor_key);
    return 0;
}

static void on_connected(void *data)
{
    sandboxes_connected(((struct server *)data)->sandboxes);
    films_connected(((struct server *)data)->films);
}

static void on_disconnected(void *data)
{
    sandboxes_disconnected(((struct server *)data)->sandboxes);
    films_disconnected(((struct server *)data)->films);
}

static void on_message(void *data, const struct sandboxd_message *message, int fd)
{
    struct server *server = data;
    if (message->kind == SANDBOXD_ATTACHED)
        viewers_attached(server->viewers, message->attached.viewer, fd);
    else if (message->kind == SANDBOXD_ATTACH_FAILED)
        viewers_attach_failed(server->viewers, message->attach_failed.viewer, message->attach_failed.error);
    else if (message->kind == SANDBOXD_EXPORTED)
        films_exported(server->films, message->exported.number, fd);
    else if (message->kind == SANDBOXD_EXPORT_FAILED)
        films_export_failed(server->films, message->export_failed.number, message->export_failed.error);
    else
        sandboxes_message(server->sandboxes, message);
}

static const struct sandboxd_events sandboxd_events = {on_connected, on_disconnected, on_message};

static const struct lws_protocols protocols[] = {
    {.name = "http", .callback = http_callback},
    {.name = VIEWER_PROTOCOL, .callback = viewer_callback},
    {0},
};

static int open_modules(struct server *server)
{
    const struct config *config = server->config;
    const char *database_url = config_text(config, CONFIG_DATABASE_URL);
    struct loop_shape shape = {protocols, http_head_security(config), HTTP_CONNECTIONS_MAX};
    server->loop = loop_new(&shape);
    if (!server->loop)
        return refuse("the event loop can't be set up: %s", strerror(errno));
    server->tickets = tickets_new();
    server->sign_in_limits = sign_in_limits_new(server);
    server->link_sources = limiter_new((struct bucket_rate){LINK_SOURCE_PER_MINUTE, LINK_SOURCE_BURST});
    server->work = work_new(server->loop, database_url);
    server->recording_writers =
        (struct recording_writers){.work = server->work, .ended = recording_end_told, .data = server};
    server->films = films_new(server);
    server->viewers = viewers_new(server);
    server->sandboxes = server->work ? sandboxes_new(server) : NULL;
    server->operator_changes = operator_changes_new(server);
    server->notifications = server->work ? notifications_new(server, database_url) : NULL;
    server->pruning = server->work ? pruning_new(server) : NULL;
    server->sandboxd = sandboxd_client_new(server->loop, config_text(config, CONFIG_SANDBOXD_SOCKET),
                                           &sandboxd_events, server);
    if (!server->tickets || !server->sign_in_limits || !server->link_sources || !server->work ||
        !server->films || !server->viewers || !server->sandboxes || !server->notifications ||
        !server->operator_changes || !server->pruning || !server->sandboxd)
        return refuse("out of memory or threads");
    return 0;
}

static int open_listeners(struct server *server)
{
    const struct config *config = server->config;
    const char *host = config_text(config, CONFIG_HOST);
    unsigned port = (unsigned)config_number(config, CONFIG_PORT);
    unsigned metrics_port = (unsigned)config_number(config, CONFIG_METRICS_PORT);
    int error = listener_new(server, SITE_WEB, host, port, &server->web);
    if (error)
        return refuse("HOST=%s PORT=%u can't be listened on: %s", host, port, strerror(-error));
    if (metrics_port)
        error = listener_new(server, SITE_METRICS, "127.0.0.1", metrics_port, &server->metrics_listener);
    return error ? refuse("METRICS_PORT=%u can't be listened on: %s", metrics_port, strerror(-error)) : 0;
}

static void server_finish(struct server *server)
{
    listener_free(server->web);
    listener_free(server->metrics_listener);
    server->recording_writers.stopping = true;
    work_free(server->work);
    server->work = NULL;
    sign_in_limits_free(server->sign_in_limits);
    films_free(server->films);
    recorders_free(server);
    recording_writers_finish(&server->recording_writers);
    recording_ends_free(server);
    notifications_free(server->notifications);
    pruning_free(server->pruning);
    sandboxd_client_free(server->sandboxd);
    sandboxes_free(server->sandboxes);
    operator_changes_free(server->operator_changes);
    loop_free(server->loop); // closes all connections
    viewers_free(server->viewers);
    limiter_free(server->link_sources);
    tickets_free(server->tickets);
    static_files_free(server->files);
    for (size_t i = 0; i < server->token_key_count; i++)
        token_key_finish(&server->token_keys[i]);
    explicit_bzero(&server->successor_key, sizeof(server->successor_key));
}

static void on_grace_end(void *data)
{
    loop_stop(((struct stopper *)data)->server->loop);
}

static void on_signal(void *data, uint32_t events)
{
    (void)events;
    struct stopper *stopper = data;
    struct server *server = stopper->server;
    struct signalfd_siginfo info;
    if (read(stopper->fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP) {
        const struct invocation *given = stopper->invocation;
        reload_configuration(given->config, given->argc, given->argv);
        if (networks_parse(config_text(server->config, CONFIG_TRUSTED_PROXIES), &server->trusted_proxies) < 0)
            log_error("TRUSTED_PROXIES is no list of addresses and networks; the old one holds");
        return;
    }
    if (info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGUSR2) {
        server_drain(server, info.ssi_signo == SIGUSR1);
        return;
    }
    if (server->stopping) { // asked twice: at once
        loop_stop(server->loop);
        return;
    }
    log_info("Stopping");
    notify_stopping();
    server->stopping = true;
    listener_free(steal_pointer(&server->web));
    listener_free(steal_pointer(&server->metrics_listener));
    viewers_go_away(server->viewers);
    loop_timer_set(server->loop, &stopper->grace, STOP_GRACE_US);
    http_go_away(server);
}

static int watch_signals(struct stopper *stopper)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGUSR2);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    stopper->fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stopper->fd < 0)
        return -errno;
    stopper->watch = (struct loop_watch){.fd = -1, .ready = on_signal, .data = stopper};
    stopper->grace = (struct loop_timer){.fire = on_grace_end, .data = stopper};
    return loop_watch_add(stopper->server->loop, &stopper->watch, stopper->fd, EPOLLIN);
}

// By the loop itself, so that a loop that hangs is found out.
static void on_watchdog(void *data)
{
    struct stopper *stopper = data;
    notify_alive();
    loop_timer_set(stopper->server->loop, &stopper->watchdog, (int64_t)notify_watchdog_us());
}

static void start_watchdog(struct stopper *stopper)
{
    stopper->watchdog = (struct loop_timer){.fire = on_watchdog, .data = stopper};
    if (notify_watchdog_us() > 0)
        on_watchdog(stopper);
}

static int serve(struct server *server, const struct invocation *invocation)
{
    struct stopper stopper = {.server = server, .invocation = invocation, .fd = -1};
    int error = watch_signals(&stopper);
    if (!error)
        error = open_listeners(server);
    if (!error)
        error = notify_ready() < 0 ? -EIO : 0;
    if (!error) {
        log_info("Serving", {"host", config_text(server->config, CONFIG_HOST)},
                 {"port", config_text(server->config, CONFIG_PORT)});
        start_watchdog(&stopper);
        error = loop_run(server->loop);
        if (!error && server->begin_anew)
            error = -ESTALE;
    }
    loop_timer_cancel(&stopper.watchdog);
    loop_timer_cancel(&stopper.grace);
    loop_watch_remove(server->loop, &stopper.watch);
    if (stopper.fd >= 0)
        close(stopper.fd);
    return error;
}

static int run(struct server *server, const struct invocation *invocation)
{
    char wrong[STATIC_WRONG_MAX];
    int error = confinement_apply();
    if (error)
        return refuse("it can't be confined: %s", strerror(-error));
    if (check_config(server) < 0 || read_key(server) < 0)
        return -EINVAL;
    if (static_files_load(config_text(server->config, CONFIG_WEB_ROOT), &server->files, wrong) < 0)
        return refuse("%s", wrong);
    error = open_modules(server);
    return error ? error : serve(server, invocation);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("sandbox-server " SANDBOX_VERSION);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        puts(
            "sandbox-server [--config FILE] [--secrets FILE]\n\nConfiguration, also from the environment:\n");
        config_print_help();
        return 0;
    }
    struct config_error wrong;
    struct config *config = config_new();
    if (!config || sodium_init() < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return 1;
    struct invocation invocation = {config, argc, calloc((size_t)argc + 1, sizeof(*argv))};
    if (!invocation.argv)
        return 1;
    memcpy(invocation.argv, argv, sizeof(*argv) * (size_t)argc);
    if (config_load(config, &argc, argv, &wrong) < 0 || argc > 1) {
        refuse("%s", argc > 1 ? "unknown argument; see --help" : wrong.text);
        config_free(config);
        free(invocation.argv);
        return 2;
    }
    config_open_log(config, "sandbox-server");
    struct server *server = calloc(1, sizeof(*server));
    if (!server)
        return 1;
    server->config = config;
    server->node = config_text(config, CONFIG_NODE_ID);
    int error = run(server, &invocation);
    server_finish(server);
    free(server);
    free(invocation.argv);
    config_free(config);
    return error == 0 ? 0 : error == -EINVAL ? 2 : 1;
}
