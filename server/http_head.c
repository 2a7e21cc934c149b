#include "server/http_head.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/config.h"
#include "server/limits.h"
#include "server/server.h"

#define HEAD_MAX 3072

// Everything a page needs comes from here; nothing else may load, frame or be framed (CSP level 3). The separate origin of
// cross-origin isolation also keeps other pages' windows out of the process.
static const struct lws_protocol_vhost_options common_headers[] = {
#define HEADER(index, header, text)                                                                          \
    {                                                                                                        \
        common_headers + (index) + 1, NULL, header, text                                                     \
    }
    HEADER(
        0, "Content-Security-Policy:",
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src "
        "blob:; connect-src "
        "'self'; "
        "worker-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
    HEADER(1, "X-Content-Type-Options:", "nosniff"),
    HEADER(2, "Referrer-Policy:", "no-referrer"),
    HEADER(3, "Cross-Origin-Opener-Policy:", "same-origin"),
    HEADER(4, "Cross-Origin-Embedder-Policy:", "require-corp"),
    {NULL, NULL, "Cross-Origin-Resource-Policy:", "same-origin"},
#undef HEADER
};

// A page that may use no microphone can't be made to, whatever runs in it.
#define PERMISSIONS(microphone)                                                                              \
    "camera=(), geolocation=(), microphone=" microphone ", payment=(), usb=(), clipboard-read=(self), "      \
    "clipboard-write=(self), fullscreen=(self), keyboard-map=(self)"

static const struct lws_protocol_vhost_options permissions[] = {
    {common_headers, NULL, "Permissions-Policy:", PERMISSIONS("()")},
    {common_headers, NULL, "Permissions-Policy:", PERMISSIONS("(self)")},
};

const struct lws_protocol_vhost_options *http_head_security(const struct config *config)
{
    bool microphone = false;
    for (unsigned i = 0; i < config_template_count(config); i++)
        microphone |= config_template_switch(config, i, CONFIG_MICROPHONE);
    return &permissions[microphone];
}

struct head {
    char *text;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct head *head, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(head->text + head->length, HEAD_MAX - head->length, format, arguments);
    va_end(arguments);
    // Every value is ours and bounded: a head that does not fit is our own mistake.
    if (length < 0 || (size_t)length >= HEAD_MAX - head->length)
        abort();
    head->length += (size_t)length;
}

static const char *reason_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {416, "Range Not Satisfiable"},
        {421, "Misdirected Request"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "Other";
}

static void put_optional(struct head *head, const struct answer *answer)
{
    if (answer->content_type)
        put(head, "Content-Type: %s\r\n", answer->content_type);
    if (answer->content_encoding)
        put(head, "Content-Encoding: %s\r\n", answer->content_encoding);
    if (*answer->content_range)
        put(head, "Content-Range: %s\r\n", answer->content_range);
    if (answer->etag)
        put(head, "ETag: %s\r\nVary: Accept-Encoding\r\n", answer->etag);
    if (answer->retry_after)
        put(head, "Retry-After: %u\r\n", answer->retry_after);
    if (*answer->allow)
        put(head, "Allow: %s\r\n", answer->allow);
    if (*answer->set_cookie)
        put(head, "Set-Cookie: %s\r\n", answer->set_cookie);
    if (answer->status == 401)
        put(head, "WWW-Authenticate: Bearer\r\n");
    if (answer->status == 426)
        put(head, "Upgrade: websocket\r\n");
    if (answer->close)
        put(head, "Connection: close\r\n");
}

int http_head_new(const struct exchange *exchange, bool with_body, unsigned char **ret_head,
                  size_t *ret_length)
{
    const struct answer *answer = &exchange->answer;
    unsigned char *buffer = malloc(LWS_PRE + HEAD_MAX + HTTP_HEAD_BODY_MAX);
    if (!buffer)
        return -ENOMEM;
    struct head head = {.text = (char *)buffer + LWS_PRE};
    put(&head, "HTTP/1.1 %u %s\r\n", answer->status, reason_phrase(answer->status));
    for (const struct lws_protocol_vhost_options *header = http_head_security(exchange->server->config);
         header; header = header->next)
        put(&head, "%s %s\r\n", header->name, header->value);
    put(&head, "Cache-Control: %s\r\nX-Request-Id: %s\r\n",
        answer->cache_control ? answer->cache_control : "no-store", exchange->request_id);
    put_optional(&head, answer);
    if (answer->status != 204 && answer->status != 304)
        put(&head, "Content-Length: %zu\r\n", answer->length);
    put(&head, "\r\n");
    if (with_body && answer->length > 0 && answer->length <= HTTP_HEAD_BODY_MAX) {
        memcpy(head.text + head.length, answer->body, answer->length);
        head.length += answer->length;
    }
    *ret_head = buffer;
    *ret_length = head.length;
    return 0;
}
