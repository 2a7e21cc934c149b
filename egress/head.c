#include "egress/head.h"

#include <string.h>
#include <strings.h>

ssize_t head_end(const char *text, size_t length, size_t *scanned)
{
    const char *end = text + length;
    for (const char *p = text + *scanned; (p = memchr(p, '\n', (size_t)(end - p))); p++) {
        if (p == text || p[-1] != '\r')
            return -1;
        if (p - text >= 3 && p[-2] == '\n')
            return p - text + 1;
    }
    *scanned = length;
    return 0;
}

bool slice_is(struct slice slice, const char *text)
{
    return slice.length == strlen(text) && strncasecmp(slice.text, text, slice.length) == 0;
}

static bool is_token_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct slice slice)
{
    for (size_t i = 0; i < slice.length; i++) {
        if (!is_token_byte(slice.text[i]))
            return false;
    }
    return slice.length > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trim(struct slice slice)
{
    while (slice.length > 0 && is_blank(slice.text[0])) {
        slice.text++;
        slice.length--;
    }
    while (slice.length > 0 && is_blank(slice.text[slice.length - 1]))
        slice.length--;
    return slice;
}

// No control byte but the tab; CR and LF are ones.
static bool is_text(struct slice slice)
{
    for (size_t i = 0; i < slice.length; i++) {
        unsigned char c = (unsigned char)slice.text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static enum refusal parse_field(struct slice line, struct head *head)
{
    const char *colon = memchr(line.text, ':', line.length);
    if (!colon)
        return REFUSAL_MALFORMED;
    if (head->field_count == EGRESS_FIELDS_MAX)
        return REFUSAL_HEAD_SIZE;
    struct slice name = {line.text, (size_t)(colon - line.text)};
    struct slice value = {colon + 1, line.length - name.length - 1};
    if (!is_token(name)) // a folded line or a space before the colon, too
        return REFUSAL_MALFORMED;
    head->fields[head->field_count++] = (struct field){name, trim(value)};
    return REFUSAL_NONE;
}

enum refusal head_parse(const char *text, size_t length, struct head *ret_head)
{
    ret_head->field_count = 0;
    bool first = true;
    for (;;) {
        const char *end = memmem(text, length, "\r\n", 2);
        if (!end)
            return REFUSAL_MALFORMED;
        struct slice line = {text, (size_t)(end - text)};
        text += line.length + 2;
        length -= line.length + 2;
        if (line.length == 0 && !first)
            return length == 0 ? REFUSAL_NONE : REFUSAL_MALFORMED;
        if (!is_text(line))
            return REFUSAL_MALFORMED;
        enum refusal refusal = REFUSAL_NONE;
        if (first)
            ret_head->line = line;
        else
            refusal = parse_field(line, ret_head);
        if (refusal)
            return refusal;
        first = false;
    }
}

static bool find_one(const struct head *head, const char *name, struct slice *ret_value, unsigned *ret_count)
{
    *ret_count = 0;
    for (unsigned i = 0; i < head->field_count; i++) {
        if (slice_is(head->fields[i].name, name)) {
            *ret_value = head->fields[i].value;
            ++*ret_count;
        }
    }
    return *ret_count > 0;
}

static bool parse_length(struct slice text, uint64_t *ret_length)
{
    uint64_t length = 0;
    if (text.length < 1 || text.length > 18)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.text[i] < '0' || text.text[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(text.text[i] - '0');
    }
    *ret_length = length;
    return true;
}

// RFC 9112 6.3, without its leniencies. BODY_TO_END when neither header is there.
static bool parse_framing(const struct head *head, bool minor, enum body_kind *ret_body, uint64_t *ret_length)
{
    struct slice length, coding;
    unsigned lengths, codings;
    find_one(head, "Content-Length", &length, &lengths);
    find_one(head, "Transfer-Encoding", &coding, &codings);
    *ret_body = BODY_TO_END;
    *ret_length = 0;
    if (lengths + codings > 1)
        return false;
    if (lengths == 1) {
        *ret_body = BODY_LENGTH;
        return parse_length(length, ret_length);
    }
    if (codings == 1) {
        *ret_body = BODY_CHUNKED;
        return minor && slice_is(coding, "chunked");
    }
    return true;
}

// Calls `visit` for each element of a header's comma-separated lists; false as soon as it says so.
static bool each_token(const struct head *head, const char *name,
                       bool (*visit)(struct slice token, const void *data), const void *data)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        struct slice rest = head->fields[i].value;
        if (!slice_is(head->fields[i].name, name))
            continue;
        while (rest.length > 0) {
            const char *comma = memchr(rest.text, ',', rest.length);
            size_t size = comma ? (size_t)(comma - rest.text) : rest.length;
            if (!visit(trim((struct slice){rest.text, size}), data))
                return false;
            size += comma ? 1 : 0;
            rest = (struct slice){rest.text + size, rest.length - size};
        }
    }
    return true;
}

static bool token_differs(struct slice token, const void *data)
{
    return !slice_is(token, data);
}

static bool token_is_not_name(struct slice token, const void *data)
{
    const struct slice *name = data;
    return token.length != name->length || strncasecmp(token.text, name->text, name->length) != 0;
}

// Connection may not take away what frames or routes the message.
static bool token_removable(struct slice token, const void *data)
{
    (void)data;
    return !slice_is(token, "Host") && !slice_is(token, "Content-Length") &&
           !slice_is(token, "Transfer-Encoding");
}

bool head_is_hop_by_hop(const struct head *head, const struct field *field)
{
    static const char *const names[] = {"Connection",          "Keep-Alive", "Proxy-Connection",
                                        "Proxy-Authorization", "TE",         "Upgrade",
                                        "Proxy-Authenticate"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_is(field->name, names[i]))
            return true;
    }
    return !each_token(head, "Connection", token_is_not_name, &field->name);
}

static bool wants_to_go_on(const struct head *head, bool minor)
{
    if (!each_token(head, "Connection", token_differs, "close") ||
        !each_token(head, "Proxy-Connection", token_differs, "close"))
        return false;
    return minor;
}

static enum refusal parse_version(struct slice version, struct request *request)
{
    if (version.length != 8 || memcmp(version.text, "HTTP/", 5) != 0)
        return REFUSAL_MALFORMED;
    if (memcmp(version.text + 5, "1.", 2) != 0 || (version.text[7] != '0' && version.text[7] != '1'))
        return REFUSAL_VERSION;
    request->minor = version.text[7] == '1';
    return REFUSAL_NONE;
}

static bool target_clean(struct slice target)
{
    for (size_t i = 0; i < target.length; i++) {
        unsigned char c = (unsigned char)target.text[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return false;
    }
    return target.length > 0;
}

static enum refusal parse_target(struct slice target, struct request *request)
{
    static const char scheme[] = "http://";
    const size_t size = sizeof(scheme) - 1;
    if (request->connect) {
        bool fine = authority_parse(target.text, target.length, &request->authority);
        return fine && request->authority.port ? REFUSAL_NONE : REFUSAL_AUTHORITY;
    }
    if (target.length < size || strncasecmp(target.text, scheme, size) != 0)
        return memmem(target.text, target.length, "://", 3) && target.text[0] != '/' ? REFUSAL_SCHEME
                                                                                     : REFUSAL_FORM;
    target.text += size;
    target.length -= size;
    size_t end = 0;
    while (end < target.length && target.text[end] != '/' && target.text[end] != '?')
        end++;
    if (!authority_parse(target.text, end, &request->authority))
        return REFUSAL_AUTHORITY;
    if (request->authority.port == 0)
        request->authority.port = 80;
    request->path = (struct slice){target.text + end, target.length - end};
    return REFUSAL_NONE;
}

static enum refusal parse_line(struct slice line, struct request *request)
{
    const char *first = memchr(line.text, ' ', line.length);
    const char *last = memrchr(line.text, ' ', line.length);
    if (!first || first == last)
        return REFUSAL_MALFORMED;
    request->method = (struct slice){line.text, (size_t)(first - line.text)};
    struct slice target = {first + 1, (size_t)(last - first) - 1};
    struct slice version = {last + 1, line.length - (size_t)(last + 1 - line.text)};
    if (!is_token(request->method) || request->method.length > 32 || !target_clean(target))
        return REFUSAL_MALFORMED;
    if (target.length > EGRESS_TARGET_MAX)
        return REFUSAL_HEAD_SIZE;
    enum refusal refusal = parse_version(version, request);
    // Methods are case-sensitive.
    request->connect = request->method.length == 7 && memcmp(request->method.text, "CONNECT", 7) == 0;
    return refusal ? refusal : parse_target(target, request);
}

static enum refusal check_host(const struct head *head, const struct request *request)
{
    struct slice value;
    struct authority host;
    unsigned count;
    if (!find_one(head, "Host", &value, &count))
        return request->minor ? REFUSAL_HOST : REFUSAL_NONE;
    if (count > 1 || !authority_parse(value.text, value.length, &host))
        return REFUSAL_HOST;
    // Some clients leave the port of a tunnel out.
    if (host.port == 0)
        host.port = request->connect ? request->authority.port : 80;
    return authority_equal(&host, &request->authority) ? REFUSAL_NONE : REFUSAL_HOST;
}

enum refusal request_parse(const struct head *head, struct request *ret_request)
{
    struct request request = {0};
    enum refusal refusal = parse_line(head->line, &request);
    if (!refusal)
        refusal = check_host(head, &request);
    if (refusal)
        return refusal;
    if (!parse_framing(head, request.minor, &request.body, &request.length) ||
        !each_token(head, "Connection", token_removable, NULL))
        return REFUSAL_FRAMING;
    if (request.body == BODY_TO_END)
        request.body = BODY_NONE;
    if (request.connect && request.body != BODY_NONE)
        return REFUSAL_FRAMING;
    if (slice_is(request.method, "TRACE"))
        return REFUSAL_TRACE;
    request.keep = wants_to_go_on(head, request.minor);
    *ret_request = request;
    return REFUSAL_NONE;
}

static bool parse_status(struct slice line, bool *ret_minor, unsigned *ret_status)
{
    unsigned status = 0;
    if (line.length < 12 || memcmp(line.text, "HTTP/1.", 7) != 0 || line.text[8] != ' ' ||
        (line.text[7] != '0' && line.text[7] != '1') || (line.length > 12 && line.text[12] != ' '))
        return false;
    for (unsigned i = 9; i < 12; i++) {
        if (line.text[i] < '0' || line.text[i] > '9')
            return false;
        status = status * 10 + (unsigned)(line.text[i] - '0');
    }
    *ret_minor = line.text[7] == '1';
    *ret_status = status;
    return status >= 100 && status <= 599 && status != 101;
}

bool response_parse(const struct head *head, bool to_head, struct response *ret_response)
{
    struct response response = {0};
    bool minor;
    if (!parse_status(head->line, &minor, &response.status) ||
        !parse_framing(head, minor, &response.body, &response.length) ||
        !each_token(head, "Connection", token_removable, NULL))
        return false;
    if (response.status < 200 || response.status == 204 || response.status == 304 || to_head)
        response.body = BODY_NONE;
    *ret_response = response;
    return true;
}
