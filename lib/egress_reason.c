#include "lib/egress_reason.h"

#include <stddef.h>

const char *egress_reason_name(unsigned reason)
{
    static const char *const names[EGRESS_REASON_COUNT] = {
        [EGRESS_REASON_LISTED] = "listed",
        [EGRESS_REASON_NOT_LISTED] = "not-listed",
        [EGRESS_REASON_PORT] = "port",
        [EGRESS_REASON_ADDRESS] = "address",
        [EGRESS_REASON_OWN_ADDRESS] = "own-address",
        [EGRESS_REASON_POLICY_CHANGED] = "policy-changed",
        [EGRESS_REASON_CONNECTIONS] = "connections",
        [EGRESS_REASON_QUOTA] = "quota",
        [EGRESS_REASON_MALFORMED] = "malformed",
        [EGRESS_REASON_HEAD_SIZE] = "head-size",
        [EGRESS_REASON_FRAMING] = "framing",
        [EGRESS_REASON_HOST] = "host",
        [EGRESS_REASON_FORM] = "form",
        [EGRESS_REASON_SCHEME] = "scheme",
        [EGRESS_REASON_AUTHORITY] = "authority",
        [EGRESS_REASON_VERSION] = "version",
        [EGRESS_REASON_TRACE] = "trace",
        [EGRESS_REASON_SLOW] = "slow",
        [EGRESS_REASON_RESOLVE] = "resolve",
        [EGRESS_REASON_RESOLVE_TIME] = "resolve-time",
        [EGRESS_REASON_CONNECT] = "connect",
        [EGRESS_REASON_CONNECT_TIME] = "connect-time",
        [EGRESS_REASON_RESPONSE] = "response",
        [EGRESS_REASON_BUSY] = "busy",
    };
    return reason < EGRESS_REASON_COUNT ? names[reason] : NULL;
}

void egress_totals_add(struct egress_totals *sum, const struct egress_totals *more)
{
    for (unsigned i = 0; i < EGRESS_REASON_COUNT; i++)
        sum->decisions[i] += more->decisions[i];
    sum->connections += more->connections;
    sum->bytes_in += more->bytes_in;
    sum->bytes_out += more->bytes_out;
}
