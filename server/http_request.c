#include "server/http_request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/limits.h"
#include "server/origin.h"
#include "server/routes.h"
#include "server/server.h"

bool http_header(struct lws *wsi, enum lws_token_indexes token, char *value, size_t size)
{
    value[0] = '\0';
    if (lws_hdr_total_length(wsi, token) == 0)
        return true;
    if (lws_hdr_copy(wsi, value, (int)size, token) < 0) {
        value[0] = '\0';
        return false;
    }
    return true;
}

bool http_query(struct lws *wsi, const char *name, char *value, size_t size)
{
    size_t name_length = strlen(name);
    bool found = false;
    char part[256];
    for (int i = 0; lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
        int length = lws_hdr_copy_fragment(wsi, part, sizeof(part), WSI_TOKEN_HTTP_URI_ARGS, i);
        if (length < 0 || strncmp(part, name, name_length) != 0 || part[name_length] != '=')
            continue;
        const char *text = part + name_length + 1;
        if (found || strlen(text) >= size)
            return false;
        memcpy(value, text, strlen(text) + 1);
        found = true;
    }
    return found;
}

bool http_cookie(const char *header, const char *name, char *value, size_t size)
{
    size_t name_length = strlen(name);
    bool found = false;
    value[0] = '\0';
    for (const char *pair = header + strspn(header, " ;"); *pair; pair += strspn(pair, " ;")) {
        size_t length = strcspn(pair, ";");
        if (length > name_length && strncmp(pair, name, name_length) == 0 && pair[name_length] == '=') {
            size_t value_length = length - name_length - 1;
            if (found || value_length >= size)
                return false;
            memcpy(value, pair + name_length + 1, value_length);
            value[value_length] = '\0';
            found = true;
        }
        pair += length;
    }
    return true;
}

static void find_source(struct exchange *exchange, struct lws *wsi)
{
    char forwarded[256];
    // One that is longer is no address list of ours: as if there were none.
    http_header(wsi, WSI_TOKEN_X_FORWARDED_FOR, forwarded, sizeof(forwarded));
    struct in6_addr source =
        source_find(&exchange->server->trusted_proxies, &exchange->connection->peer, forwarded);
    network_address_format(&source, exchange->source);
    source_key(&source, exchange->source_key);
}

static enum http_method read_method(struct lws *wsi)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI))
        return HTTP_GET;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI))
        return HTTP_POST;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_PATCH_URI))
        return HTTP_PATCH;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_DELETE_URI))
        return HTTP_DELETE;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI))
        return HTTP_HEAD;
    return HTTP_OTHER;
}

static void read_query(struct exchange *exchange, struct lws *wsi)
{
    struct query *query = &exchange->query;
    const struct {
        const char *name;
        char *value;
        size_t size;
    } known[] = {
        {"limit", query->limit, sizeof(query->limit)},
        {"cursor", query->cursor, sizeof(query->cursor)},
        {"state", query->state, sizeof(query->state)},
    };
    int count = 0, found = 0;
    while (lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, count) > 0)
        count++;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        found += http_query(wsi, known[i].name, known[i].value, known[i].size);
    query->wrong = found != count;
}

static void read_credentials(struct exchange *exchange, struct lws *wsi)
{
    char value[HEADER_VALUE_MAX];
    if (http_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, value, sizeof(value)) &&
        strncasecmp(value, "Bearer ", 7) == 0)
        memcpy(exchange->bearer, value + 7, strlen(value + 7) + 1); // both have HEADER_VALUE_MAX bytes
    if (!http_header(wsi, WSI_TOKEN_HTTP_COOKIE, value, sizeof(value)) ||
        !http_cookie(value, "refresh_token", exchange->refresh_token, sizeof(exchange->refresh_token)))
        exchange->refresh_token[0] = '\0';
    explicit_bzero(value, sizeof(value));
}

// What was not read of this request would be taken for the next one.
static int refuse(struct exchange *exchange, enum problem problem, const char *detail)
{
    exchange->answer.close |= exchange->body_expected > 0;
    exchange_problem(exchange, problem, detail);
    return -1;
}

// RFC 9112 section 6: what does not say its length exactly can't be told from the next request.
static int read_length(struct exchange *exchange, struct lws *wsi)
{
    char value[24];
    exchange->answer.close = true;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING))
        return refuse(exchange, PROBLEM_LENGTH_REQUIRED, "Send the body with Content-Length, not in chunks.");
    bool fits = http_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, value, sizeof(value));
    bool given = *value || !fits;
    if (given && (!fits || value[strspn(value, "0123456789")] || strlen(value) > 15))
        return refuse(exchange, PROBLEM_BAD_REQUEST, "Content-Length is not a number.");
    exchange->body_expected = strtoul(value, NULL, 10);
    // libwebsockets takes up to 100 MiB after a POST that gives no length as its body.
    exchange->answer.close = !given && (exchange->method == HTTP_POST || exchange->method == HTTP_PATCH ||
                                        exchange->method == HTTP_OTHER);
    size_t permitted = exchange->route ? exchange->route->body_max : 0;
    if (exchange->route && exchange->body_expected > permitted)
        return refuse(exchange, PROBLEM_TOO_LARGE,
                      permitted ? "The body is larger than this request takes."
                                : "This request takes no body.");
    return 0;
}

static int check_media_type(struct exchange *exchange, struct lws *wsi)
{
    char value[80];
    if (exchange->body_expected == 0)
        return 0;
    bool fits = http_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, value, sizeof(value));
    size_t length = strcspn(value, "; ");
    if (fits && length == strlen("application/json") && strncasecmp(value, "application/json", length) == 0)
        return 0;
    return refuse(exchange, PROBLEM_BAD_REQUEST,
                  "Send the body as JSON, with Content-Type: application/json.");
}

static int read_idempotency_key(struct exchange *exchange, struct lws *wsi)
{
    static const char name[] = "idempotency-key:";
    int length = lws_hdr_custom_length(wsi, name, sizeof(name) - 1);
    if (length < 0)
        return 0;
    if (length == 0 || length > IDEMPOTENCY_KEY_MAX ||
        lws_hdr_custom_copy(wsi, exchange->idempotency_key, sizeof(exchange->idempotency_key), name,
                            sizeof(name) - 1) < 0)
        return refuse(exchange, PROBLEM_BAD_REQUEST, "Idempotency-Key must have 1 to 64 bytes.");
    for (const char *p = exchange->idempotency_key; *p; p++) {
        if (*p < 0x20 || *p > 0x7e)
            return refuse(exchange, PROBLEM_BAD_REQUEST, "Idempotency-Key must be printable ASCII.");
    }
    return 0;
}

static int check_origin(struct exchange *exchange, struct lws *wsi)
{
    char origin[256], host[256];
    if (exchange->method == HTTP_GET || exchange->method == HTTP_HEAD)
        return 0;
    if (http_header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)) &&
        http_header(wsi, WSI_TOKEN_HOST, host, sizeof(host)) &&
        origin_permitted(origin, host, config_text(exchange->server->config, CONFIG_ALLOWED_ORIGINS)))
        return 0;
    return refuse(exchange, PROBLEM_FORBIDDEN_ORIGIN,
                  "Use the page that this server serves, or have its address added to ALLOWED_ORIGINS.");
}

static void find_route(struct exchange *exchange, const char *path)
{
    struct route_match match;
    routes_find(exchange->connection->site, exchange->method, path, &match);
    exchange->route = match.route;
    exchange->id = match.ids[0];
    exchange->part = match.ids[1];
    memcpy(exchange->answer.allow, match.allow, sizeof(match.allow));
}

static void serve_file(struct exchange *exchange, struct lws *wsi, const char *path)
{
    char tag[64], encodings[256], types[256];
    http_header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, tag, sizeof(tag));
    http_header(wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, encodings, sizeof(encodings));
    http_header(wsi, WSI_TOKEN_HTTP_ACCEPT, types, sizeof(types));
    struct file_wish wish = {
        .if_none_match = tag,
        .gzip = strstr(encodings, "gzip") != NULL,
        .page = strstr(types, "text/html") != NULL,
    };
    routes_serve_file(exchange, path, &wish);
}

int http_request_read(struct exchange *exchange, struct lws *wsi, const char *path, size_t path_length)
{
    char text[HTTP_PATH_MAX + 1];
    exchange->method = read_method(wsi);
    find_source(exchange, wsi);
    // RFC 9112 section 3.2; HTTP/1.0 had no such header.
    char version[12];
    if (http_header(wsi, WSI_TOKEN_HTTP, version, sizeof(version)) && strcmp(version, "HTTP/1.1") == 0 &&
        !lws_hdr_total_length(wsi, WSI_TOKEN_HOST)) {
        exchange->answer.close = true;
        return refuse(exchange, PROBLEM_BAD_REQUEST, "The Host header is missing.");
    }
    bool sound = path_length <= HTTP_PATH_MAX && !memchr(path, '\0', path_length);
    if (sound) {
        memcpy(text, path, path_length);
        text[path_length] = '\0';
        find_route(exchange, text);
    }
    if (read_length(exchange, wsi) < 0)
        return -1;
    if (!sound)
        return refuse(exchange, PROBLEM_NOT_FOUND, "There is nothing at this path.");
    if (*exchange->answer.allow)
        return refuse(exchange, PROBLEM_METHOD_NOT_ALLOWED,
                      "Use one of the methods that the Allow header names.");
    if (!exchange->route && (exchange->method == HTTP_GET || exchange->method == HTTP_HEAD)) {
        serve_file(exchange, wsi, text);
        return -1;
    }
    if (!exchange->route)
        return refuse(exchange, PROBLEM_NOT_FOUND, "There is nothing at this path.");
    if (check_origin(exchange, wsi) < 0 || check_media_type(exchange, wsi) < 0 ||
        read_idempotency_key(exchange, wsi) < 0)
        return -1;
    read_query(exchange, wsi);
    http_header(wsi, WSI_TOKEN_HTTP_RANGE, exchange->range, sizeof(exchange->range));
    read_credentials(exchange, wsi);
    return 0;
}
