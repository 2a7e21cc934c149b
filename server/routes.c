#include "server/routes.h"

#include <string.h>

#include "server/limits.h"
#include "server/server.h"
#include "server/static_files.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct route web_routes[] = {
    // method, path, signed in, body, lane, prepare, work, finish
    {HTTP_GET, "/health", false, 0, WORK_DATABASE, NULL, NULL, health_finish},
    {HTTP_GET, "/ready", false, 0, WORK_DATABASE, NULL, ready_work, ready_finish},
    {HTTP_POST, "/api/auth/login", false, HTTP_BODY_MAX, WORK_PASSWORD, login_prepare, login_work,
     login_finish},
    {HTTP_POST, "/api/auth/refresh", false, 0, WORK_DATABASE, refresh_prepare, refresh_work, refresh_finish},
    {HTTP_POST, "/api/auth/logout", false, 0, WORK_DATABASE, NULL, logout_work, logout_finish},
    {HTTP_GET, "/api/users/me", true, 0, WORK_DATABASE, NULL, NULL, me_finish},
    {HTTP_GET, "/api/templates", true, 0, WORK_DATABASE, NULL, NULL, templates_finish},
    {HTTP_GET, "/api/sandboxes", true, 0, WORK_DATABASE, list_prepare, list_work, list_finish},
    {HTTP_POST, "/api/sandboxes", true, HTTP_BODY_MAX, WORK_DATABASE, create_prepare, create_work,
     create_finish},
    {HTTP_GET, "/api/sandboxes/{id}", true, 0, WORK_DATABASE, sandbox_prepare, sandbox_work, get_finish},
    {HTTP_PATCH, "/api/sandboxes/{id}", true, HTTP_BODY_MAX, WORK_DATABASE, change_prepare, change_work,
     change_finish},
    {HTTP_DELETE, "/api/sandboxes/{id}", true, 0, WORK_DATABASE, sandbox_prepare, sandbox_work, stop_finish},
    {HTTP_POST, "/api/sandboxes/{id}/ticket", true, HTTP_BODY_MAX, WORK_DATABASE, ticket_prepare, ticket_work,
     ticket_finish},
    {HTTP_GET, "/api/sandboxes/{id}/shares", true, 0, WORK_DATABASE, shares_prepare, shares_work,
     shares_finish},
    {HTTP_POST, "/api/sandboxes/{id}/shares", true, HTTP_BODY_MAX, WORK_DATABASE, share_prepare, share_work,
     share_finish},
    {HTTP_PATCH, "/api/sandboxes/{id}/shares/{id}", true, HTTP_BODY_MAX, WORK_DATABASE, share_change_prepare,
     share_change_work, share_change_finish},
    {HTTP_DELETE, "/api/sandboxes/{id}/shares/{id}", true, 0, WORK_DATABASE, NULL, share_revoke_work,
     share_revoke_finish},
    {HTTP_GET, "/api/sandboxes/{id}/viewers", true, 0, WORK_DATABASE, sandbox_prepare, sandbox_work,
     viewers_finish},
    {HTTP_DELETE, "/api/sandboxes/{id}/viewers/{id}", true, 0, WORK_DATABASE, sandbox_prepare, sandbox_work,
     viewer_end_finish},
    {HTTP_POST, "/api/shares/ticket", false, HTTP_BODY_MAX, WORK_DATABASE, guest_prepare, guest_work,
     guest_finish},
    {HTTP_POST, "/api/sandboxes/{id}/recording", true, 0, WORK_DATABASE, sandbox_prepare, sandbox_work,
     recording_start_finish},
    {HTTP_DELETE, "/api/sandboxes/{id}/recording", true, 0, WORK_DATABASE, sandbox_prepare, sandbox_work,
     recording_stop_finish},
    {HTTP_GET, "/api/recordings", true, 0, WORK_PLAYBACK, recordings_prepare, recordings_work,
     recordings_finish},
    {HTTP_GET, "/api/recordings/{id}/data", true, 0, WORK_PLAYBACK, recording_data_prepare,
     recording_data_work, recording_data_finish},
    {HTTP_GET, "/api/recordings/{id}/index", true, 0, WORK_PLAYBACK, recording_index_prepare,
     recording_index_work, recording_index_finish},
    {HTTP_GET, "/api/recordings/{id}/mp4", true, 0, WORK_PLAYBACK, film_prepare, film_work,
     film_status_finish},
    {HTTP_POST, "/api/recordings/{id}/mp4", true, 0, WORK_PLAYBACK, film_prepare, film_work,
     film_begin_finish},
    {HTTP_GET, "/api/recordings/{id}/mp4/data", true, 0, WORK_PLAYBACK, recording_data_prepare,
     film_data_work, recording_data_finish},
    {HTTP_DELETE, "/api/recordings/{id}", true, 0, WORK_PLAYBACK, recording_delete_prepare,
     recording_delete_work, recording_delete_finish},
};

static const struct route metrics_routes[] = {
    {HTTP_GET, "/metrics", false, 0, WORK_DATABASE, NULL, NULL, metrics_finish},
    {HTTP_GET, "/sandboxes", false, 0, WORK_DATABASE, NULL, NULL, usage_finish},
};

void routes_find(enum http_site site, enum http_method method, const char *path,
                 struct route_match *ret_match)
{
    if (site == SITE_METRICS)
        route_find(metrics_routes, COUNT(metrics_routes), method, path, ret_match);
    else
        route_find(web_routes, COUNT(web_routes), method, path, ret_match);
}

static void answer_file(struct exchange *exchange, unsigned status, const struct static_file *file,
                        const struct file_wish *wish)
{
    struct answer *answer = &exchange->answer;
    answer->cache_control = file->cache_control;
    answer->etag = file->etag;
    answer->content_type = file->content_type;
    answer->status = status;
    if (status != 304) {
        bool compressed = wish->gzip && file->gzip;
        answer->content_encoding = compressed ? "gzip" : NULL;
        answer->body = compressed ? file->gzip : file->bytes;
        answer->length = compressed ? file->gzip_length : file->length;
    }
    exchange_answer(exchange);
}

void routes_serve_file(struct exchange *exchange, const char *path, const struct file_wish *wish)
{
    bool web = exchange->connection->site == SITE_WEB;
    const struct static_files *files = exchange->server->files;
    const struct static_file *file = web ? static_files_find(files, path) : NULL;
    if (file)
        answer_file(exchange, strcmp(wish->if_none_match, file->etag) == 0 ? 304 : 200, file, wish);
    else if (strncmp(path, "/ws/", 4) == 0)
        exchange_problem(exchange, PROBLEM_UPGRADE_REQUIRED,
                         "This address is for a WebSocket: docs/PROTOCOL.md.");
    else if (web && wish->page && strncmp(path, "/api/", 5) != 0 && strncmp(path, "/assets/", 8) != 0)
        answer_file(exchange, 404, static_files_find(files, "/"), wish);
    else
        exchange_problem(exchange, PROBLEM_NOT_FOUND, "There is nothing at this path.");
}
