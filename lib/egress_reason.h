#pragma once
// How sandbox-egress decides, in one word each, and what it has counted of all sandboxes together: for its log, its answers and the metrics.

#include <stdint.h>

enum egress_reason {
    EGRESS_REASON_LISTED, // allowed; the others are refusals
    // the policy
    EGRESS_REASON_NOT_LISTED,
    EGRESS_REASON_PORT,
    EGRESS_REASON_ADDRESS,
    EGRESS_REASON_OWN_ADDRESS,
    EGRESS_REASON_POLICY_CHANGED,
    EGRESS_REASON_CONNECTIONS,
    EGRESS_REASON_QUOTA,
    // the request
    EGRESS_REASON_MALFORMED,
    EGRESS_REASON_HEAD_SIZE,
    EGRESS_REASON_FRAMING,
    EGRESS_REASON_HOST,
    EGRESS_REASON_FORM,
    EGRESS_REASON_SCHEME,
    EGRESS_REASON_AUTHORITY,
    EGRESS_REASON_VERSION,
    EGRESS_REASON_TRACE,
    EGRESS_REASON_SLOW,
    // the way there
    EGRESS_REASON_RESOLVE,
    EGRESS_REASON_RESOLVE_TIME,
    EGRESS_REASON_CONNECT,
    EGRESS_REASON_CONNECT_TIME,
    EGRESS_REASON_RESPONSE,
    EGRESS_REASON_BUSY,
    EGRESS_REASON_COUNT,
};

// "not-listed"; NULL out of range.
const char *egress_reason_name(unsigned reason);

struct egress_totals {
    uint64_t decisions[EGRESS_REASON_COUNT];
    uint64_t connections; // accepted, ever
    uint64_t bytes_in;    // towards the sandboxes
    uint64_t bytes_out;
    uint32_t open; // connections now
    uint32_t reserved;
};

// Adds what only grows; `open` stays.
void egress_totals_add(struct egress_totals *sum, const struct egress_totals *more);
