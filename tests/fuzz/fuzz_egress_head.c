// What a program in a sandbox, or a server it may talk to, sends as the head of a message. What is passed on must be
// read the same way by the next one.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "egress/forward.h"

static const struct egress_header injected = {.name = "X-Injected", .value = "secret"};

static void check_request(const struct head *head, const struct request *request)
{
    struct text text;
    struct head again;
    size_t scanned = 0;
    if (forward_request(head, request, &injected, &text) < 0)
        return;
    if (head_end(text.data, text.end, &scanned) != (ssize_t)text.end ||
        head_parse(text.data, text.end, &again) == REFUSAL_MALFORMED)
        abort();
    unsigned found = 0, hosts = 0;
    for (unsigned i = 0; i < again.field_count; i++) {
        found += slice_is(again.fields[i].name, "X-Injected");
        hosts += slice_is(again.fields[i].name, "Host");
    }
    // A head with as many headers as there may be has no room for the ones that are added.
    if (head->field_count + 3 <= EGRESS_FIELDS_MAX && (found != 1 || hosts != 1))
        abort();
    text_free(&text);
}

static void check_response(const struct head *head)
{
    struct response response, second;
    struct text text;
    struct head again;
    if (!response_parse(head, false, &response) || forward_response(head, &response, true, &text) < 0)
        return;
    if (head_parse(text.data, text.end, &again) == REFUSAL_NONE &&
        (!response_parse(&again, false, &second) || second.body != response.body ||
         second.length != response.length))
        abort();
    text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct head head;
    struct request request;
    size_t scanned = 0;
    if (size > EGRESS_HEAD_MAX)
        return 0;
    ssize_t length = head_end((const char *)data, size, &scanned);
    if (length <= 0 || head_parse((const char *)data, (size_t)length, &head) != REFUSAL_NONE)
        return 0;
    if (request_parse(&head, &request) == REFUSAL_NONE && !request.connect)
        check_request(&head, &request);
    check_response(&head);
    return 0;
}
