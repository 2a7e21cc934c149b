#include "egress/refusal.h"

#include <stdio.h>
#include <stdlib.h>

#define FORBIDDEN 403, "Forbidden"
#define BAD_REQUEST 400, "Bad Request"

static const struct refusal_answer answers[REFUSAL_COUNT] = {
    [REFUSAL_NAME] = {FORBIDDEN, EGRESS_REASON_NOT_LISTED,
                      "This name is not on the allow list of this sandbox."},
    [REFUSAL_NETWORK] = {FORBIDDEN, EGRESS_REASON_NOT_LISTED,
                         "This address is not on the allow list of this sandbox."},
    [REFUSAL_PORT] = {FORBIDDEN, EGRESS_REASON_PORT, "This port is not on the allow list of this sandbox."},
    [REFUSAL_ADDRESS] =
        {FORBIDDEN, EGRESS_REASON_ADDRESS,
         "It leads to a private, local or reserved address, which the allow list of this sandbox "
         "does not name as a network."},
    [REFUSAL_OWN_ADDRESS] = {FORBIDDEN, EGRESS_REASON_OWN_ADDRESS,
                             "It leads to the machine that this sandbox runs on."},
    [REFUSAL_POLICY_CHANGED] = {FORBIDDEN, EGRESS_REASON_POLICY_CHANGED,
                                "The allow list of this sandbox changed."},
    [REFUSAL_CONNECTIONS] = {503, "Service Unavailable", EGRESS_REASON_CONNECTIONS,
                             "This sandbox has as many connections as it may have."},
    [REFUSAL_QUOTA] = {FORBIDDEN, EGRESS_REASON_QUOTA, "This sandbox has moved as many bytes as it may."},
    [REFUSAL_MALFORMED] = {BAD_REQUEST, EGRESS_REASON_MALFORMED, "The request is not well-formed HTTP/1.1."},
    [REFUSAL_HEAD_SIZE] = {431, "Request Header Fields Too Large", EGRESS_REASON_HEAD_SIZE,
                           "The request's line and headers are too large."},
    [REFUSAL_FRAMING] = {BAD_REQUEST, EGRESS_REASON_FRAMING, "The request's length is not clear."},
    [REFUSAL_HOST] = {BAD_REQUEST, EGRESS_REASON_HOST,
                      "The Host header does not name the request's destination."},
    [REFUSAL_FORM] =
        {BAD_REQUEST, EGRESS_REASON_FORM,
         "This is a proxy: the request needs an absolute http:// address or the method CONNECT."},
    [REFUSAL_SCHEME] = {BAD_REQUEST, EGRESS_REASON_SCHEME,
                        "Only http:// goes through here; use CONNECT for anything else."},
    [REFUSAL_AUTHORITY] =
        {BAD_REQUEST, EGRESS_REASON_AUTHORITY,
         "The destination is not a host name (international ones in xn-- form) or an address, "
         "with a port."},
    [REFUSAL_VERSION] = {505, "HTTP Version Not Supported", EGRESS_REASON_VERSION,
                         "Only HTTP/1.0 and HTTP/1.1 are spoken here."},
    [REFUSAL_TRACE] = {405, "Method Not Allowed", EGRESS_REASON_TRACE,
                       "TRACE would show what the proxy adds to a request."},
    [REFUSAL_HEAD_TIME] = {408, "Request Timeout", EGRESS_REASON_SLOW, "The request did not arrive in time."},
    [REFUSAL_RESOLVE] = {502, "Bad Gateway", EGRESS_REASON_RESOLVE, "The name has no address."},
    [REFUSAL_RESOLVE_TIME] = {504, "Gateway Timeout", EGRESS_REASON_RESOLVE_TIME,
                              "The name servers did not answer in time."},
    [REFUSAL_CONNECT] = {502, "Bad Gateway", EGRESS_REASON_CONNECT, "The destination can't be reached."},
    [REFUSAL_CONNECT_TIME] = {504, "Gateway Timeout", EGRESS_REASON_CONNECT_TIME,
                              "The destination did not answer in time."},
    [REFUSAL_RESPONSE] = {502, "Bad Gateway", EGRESS_REASON_RESPONSE,
                          "The destination's answer is not well-formed HTTP."},
    [REFUSAL_BUSY] = {503, "Service Unavailable", EGRESS_REASON_BUSY,
                      "The proxy has as many connections as it can have."},
};

const struct refusal_answer *refusal_answer(enum refusal refusal)
{
    if (refusal <= REFUSAL_NONE || refusal >= REFUSAL_COUNT)
        abort();
    return &answers[refusal];
}

size_t refusal_format(enum refusal refusal, const char *destination, char text[static REFUSAL_TEXT_MAX])
{
    const struct refusal_answer *answer = refusal_answer(refusal);
    char body[REFUSAL_TEXT_MAX / 2 + 64];
    int size =
        snprintf(body, sizeof(body), "%s%s%s\n", destination, *destination ? ": " : "", answer->sentence);
    int length =
        snprintf(text, REFUSAL_TEXT_MAX,
                 "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
                 "X-Sandbox-Egress: %s\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%s",
                 answer->status, answer->phrase, size, egress_reason_name(answer->reason), body);
    if (size < 0 || (size_t)size >= sizeof(body) || length < 0 || length >= REFUSAL_TEXT_MAX)
        abort(); // every part is ours and bounded
    return (size_t)length;
}
