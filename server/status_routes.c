// /health, /ready, /metrics, /api/templates

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "server/certificate.h"
#include "server/limits.h"
#include "server/notifications.h"
#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"

void health_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    const struct sandboxd_welcome *welcome = sandboxd_client_welcome(server->sandboxd);
    // A proxy takes 404 for: leave who is there, send nobody new.
    exchange_json(exchange, server->draining ? 404 : 200,
                  json_pack("{s:s, s:s, s:s, s:o, s:o}", "status", server->draining ? "draining" : "ok",
                            "version", SANDBOX_VERSION, "node", server->node, "layers",
                            welcome ? layers_json(welcome->layers) : json_array(), "pool",
                            pool_json(&server->metrics.pool)));
}

static int check_storage(const struct config *config)
{
    struct statvfs status;
    if (statvfs(config_text(config, CONFIG_FILE_STORAGE_PATH), &status) < 0)
        return -errno;
    if (status.f_flag & ST_RDONLY)
        return -EROFS;
    uint64_t free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    uint64_t least = (uint64_t)config_number(config, CONFIG_STORAGE_FREE_MIN_MB) << 20;
    return status.f_blocks && (status.f_bavail == 0 || free_bytes < least) ? -ENOSPC : 0;
}

int ready_work(struct exchange *exchange, struct store *store)
{
    int *storage = calloc(1, sizeof(*storage));
    if (!storage)
        return -ENOMEM;
    *storage = check_storage(exchange->server->config);
    exchange->detail = storage;
    exchange->detail_size = sizeof(*storage);
    return store_ping(store);
}

static json_t *check_json(bool ok, const char *detail)
{
    return json_pack("{s:b, s:s}", "ok", ok, "detail", ok ? "" : detail);
}

// An empty pool only makes starts slower: said, but no reason to send nobody here.
static json_t *pool_check_json(const struct sandboxd_pool *pool)
{
    for (unsigned i = 0; i < TEMPLATE_COUNT; i++) {
        if (pool->rows[i].size > 0 && pool->rows[i].ready == 0 && pool->rows[i].losses > 0)
            return check_json(false,
                              "No sandbox is ready, and those that were made were lost; starts are slow. The "
                              "log of sandboxd says more.");
    }
    if (pool->foundation_error)
        return check_json(
            false, "Sandboxes for commands have no foundation to be copied from; their starts are slow. "
                   "sandboxctl doctor says more.");
    return check_json(true, "");
}

void ready_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    bool database = exchange->error == 0;
    bool sandboxd = sandboxes_ready(server->sandboxes);
    int storage = exchange->detail ? *(int *)exchange->detail : -ENOMEM;
    bool ready = database && sandboxd && storage == 0;
    if (!ready)
        exchange->answer.retry_after = 1;
    exchange_json(
        exchange, ready ? 200 : 503,
        json_pack(
            "{s:s, s:{s:o, s:o, s:o, s:o}}", "status", ready ? "ready" : "failing", "checks", "database",
            check_json(database, "PostgreSQL does not answer, or its schema is missing."), "sandboxd",
            check_json(sandboxd,
                       "sandboxd is not connected, or its sandboxes are being compared with the database."),
            "storage",
            check_json(storage == 0, storage == -ENOSPC
                                         ? "Less than STORAGE_FREE_MIN_MB is free where the home "
                                           "directories are. Make room."
                                         : strerror(-storage)),
            "pool", pool_check_json(&server->metrics.pool)));
}

void metrics_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    const struct sandboxd_welcome *welcome = sandboxd_client_welcome(server->sandboxd);
    struct metric_gauges gauges = {
        .connections = server->connection_count,
        .connections_maximum = HTTP_CONNECTIONS_MAX,
        .maximum = (unsigned)config_number(server->config, CONFIG_SANDBOX_MAX_PER_NODE),
        .sandboxd_connected = welcome != NULL,
        .sandboxd_pid = welcome ? (pid_t)welcome->pid : 0,
        .database_connected = notifications_listening(server->notifications),
        .draining = server->draining,
        .node = server->node,
        .certificate_expiry = certificate_expiry(config_text(server->config, CONFIG_CERTIFICATE_FILE)),
    };
    struct statvfs storage;
    if (statvfs(config_text(server->config, CONFIG_FILE_STORAGE_PATH), &storage) == 0) {
        gauges.storage_bytes = (uint64_t)storage.f_blocks * storage.f_frsize;
        gauges.storage_free_bytes = (uint64_t)storage.f_bavail * storage.f_frsize;
    }
    sandboxes_gauges(server->sandboxes, &gauges);
    struct answer *answer = &exchange->answer;
    answer->owned = metrics_text(&server->metrics, &gauges);
    answer->status = answer->owned ? 200 : 503;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    answer->body = answer->owned;
    answer->length = answer->owned ? strlen(answer->owned) : 0;
    exchange_answer(exchange);
}

void templates_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    const struct sandboxd_welcome *welcome = sandboxd_client_welcome(server->sandboxd);
    unsigned width =
        welcome ? welcome->display_width : (unsigned)config_number(server->config, CONFIG_DISPLAY_WIDTH);
    unsigned height =
        welcome ? welcome->display_height : (unsigned)config_number(server->config, CONFIG_DISPLAY_HEIGHT);
    json_t *items = json_array();
    for (unsigned i = 0; i < config_template_count(server->config); i++) {
        if (json_array_append_new(items, template_json(server->config, i, width, height)) < 0) {
            json_decref(items);
            items = NULL;
        }
    }
    exchange_json(exchange, 200, json_pack("{s:o}", "items", items));
}
