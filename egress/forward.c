#include "egress/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

// What is added at most: the Host and Connection headers, "/" and line ends.
#define ADDED_MAX (AUTHORITY_TEXT_SIZE + 64)

void text_free(struct text *text)
{
    if (text->data)
        explicit_bzero(text->data, text->end);
    free(text->data);
    *text = (struct text){0};
}

static void put(struct text *text, const char *data, size_t length)
{
    memcpy(text->data + text->end, data, length);
    text->end += length;
}

static void put_string(struct text *text, const char *string)
{
    put(text, string, strlen(string));
}

static void put_field(struct text *text, const struct field *field)
{
    put(text, field->name.text, field->name.length);
    put_string(text, ": ");
    put(text, field->value.text, field->value.length);
    put_string(text, "\r\n");
}

// Room for all of the head, rewritten: a field grows by one byte (the blank after its colon) at most.
static int text_new(const struct head *head, const struct egress_header *injected, struct text *ret_text)
{
    size_t size = head->line.length + ADDED_MAX;
    for (unsigned i = 0; i < head->field_count; i++)
        size += head->fields[i].name.length + head->fields[i].value.length + 4;
    if (injected)
        size += strlen(injected->name) + strlen(injected->value) + 4;
    *ret_text = (struct text){.data = malloc(size)};
    return ret_text->data ? 0 : -ENOMEM;
}

static void put_host(struct text *text, const struct authority *authority)
{
    char host[AUTHORITY_TEXT_SIZE];
    authority_format(authority, host);
    if (authority->port == 80)
        *strrchr(host, ':') = '\0';
    put_string(text, "Host: ");
    put_string(text, host);
    put_string(text, "\r\n");
}

static void put_request_line(struct text *text, const struct request *request)
{
    put(text, request->method.text, request->method.length);
    put_string(text, " ");
    if (request->path.length == 0)
        put_string(text, slice_is(request->method, "OPTIONS") ? "*" : "/");
    else if (request->path.text[0] == '?')
        put_string(text, "/");
    put(text, request->path.text, request->path.length);
    put_string(text, request->minor ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
}

int forward_request(const struct head *head, const struct request *request,
                    const struct egress_header *injected, struct text *ret_text)
{
    struct text text;
    if (text_new(head, injected, &text) < 0)
        return -ENOMEM;
    put_request_line(&text, request);
    put_host(&text, &request->authority);
    for (unsigned i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];
        if (!head_is_hop_by_hop(head, field) && !slice_is(field->name, "Host") &&
            !(injected && slice_is(field->name, injected->name)))
            put_field(&text, field);
    }
    if (injected) {
        struct field field = {{injected->name, strlen(injected->name)},
                              {injected->value, strlen(injected->value)}};
        put_field(&text, &field);
    }
    put_string(&text, "Connection: close\r\n\r\n");
    *ret_text = text;
    return 0;
}

int forward_response(const struct head *head, const struct response *response, bool keep,
                     struct text *ret_text)
{
    struct text text;
    if (text_new(head, NULL, &text) < 0)
        return -ENOMEM;
    put(&text, head->line.text, head->line.length);
    put_string(&text, "\r\n");
    for (unsigned i = 0; i < head->field_count; i++) {
        if (!head_is_hop_by_hop(head, &head->fields[i]))
            put_field(&text, &head->fields[i]);
    }
    if (response->status >= 200)
        put_string(&text, keep ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
    put_string(&text, "\r\n");
    *ret_text = text;
    return 0;
}
