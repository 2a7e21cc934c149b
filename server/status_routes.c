// /health, /ready, /metrics, /api/templates

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "server/routes.h"
#include "server/sandbox_json.h"
#include "server/sandboxes.h"
#include "server/server.h"

// What is kept ready, as sandboxd told last.
static json_t *pool_json(const struct sandboxd_pool *pool)
{
    json_t *object = json_pack("{s:I, s:I}", "memory_mb", (json_int_t)pool->memory_mb, "held_mb",
                               (json_int_t)pool->held_mb);
    for (uint32_t i = 0; object && i < TEMPLATE_COUNT; i++) {
        const struct sandboxd_pool_row *row = &pool->rows[i];
        json_t *counts = json_pack("{s:I, s:I, s:I, s:I}", "wanted", (json_int_t)row->size, "ready",
                                   (json_int_t)row->ready, "building", (json_int_t)row->building, "losses",
                                   (json_int_t)row->losses);
        if (json_object_set_new(object, template_name(i), counts) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

void health_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    const struct sandboxd_welcome *welcome = sandboxd_client_welcome(server->sandboxd);
    exchange_json(exchange, 200,
                  json_pack("{s:s, s:s, s:s, s:o, s:o}", "status", "ok", "version", SANDBOX_VERSION, "node",
                            server->node, "layers", welcome ? layers_json(welcome->layers) : json_array(),
                            "pool", pool_json(&server->metrics.pool)));
}

static int check_storage(const struct config *config)
{
    struct statvfs status;
    if (statvfs(config_text(config, CONFIG_FILE_STORAGE_PATH), &status) < 0)
        return -errno;
    if (status.f_flag & ST_RDONLY)
        return -EROFS;
    return status.f_blocks && status.f_bavail == 0 ? -ENOSPC : 0;
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
            "{s:s, s:{s:o, s:o, s:o}}", "status", ready ? "ready" : "failing", "checks", "database",
            check_json(database, "PostgreSQL does not answer, or its schema is missing."), "sandboxd",
            check_json(sandboxd,
                       "sandboxd is not connected, or its sandboxes are being compared with the database."),
            "storage", check_json(storage == 0, strerror(-storage))));
}

void metrics_finish(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct metric_gauges gauges = {
        .connections = server->connection_count,
        .sandboxd_connected = sandboxd_client_welcome(server->sandboxd) != NULL,
    };
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
    exchange_json(exchange, 200, json_pack("{s:[o]}", "items", template_json(server->config, width, height)));
}
