#pragma once
// Why a request is refused: one table from the reason to the answer and the log.

#include <stddef.h>

#include "lib/egress_reason.h"

enum refusal {
    REFUSAL_NONE,
    // the policy
    REFUSAL_NAME,
    REFUSAL_NETWORK,
    REFUSAL_PORT,
    REFUSAL_ADDRESS,
    REFUSAL_OWN_ADDRESS,
    REFUSAL_POLICY_CHANGED,
    REFUSAL_CONNECTIONS,
    REFUSAL_QUOTA,
    // the request
    REFUSAL_MALFORMED,
    REFUSAL_HEAD_SIZE,
    REFUSAL_FRAMING,
    REFUSAL_HOST,
    REFUSAL_FORM,
    REFUSAL_SCHEME,
    REFUSAL_AUTHORITY,
    REFUSAL_VERSION,
    REFUSAL_TRACE,
    REFUSAL_HEAD_TIME,
    // the way there
    REFUSAL_RESOLVE,
    REFUSAL_RESOLVE_TIME,
    REFUSAL_CONNECT,
    REFUSAL_CONNECT_TIME,
    REFUSAL_RESPONSE,
    REFUSAL_BUSY,
    REFUSAL_COUNT,
};

struct refusal_answer {
    unsigned status;
    const char *phrase;
    enum egress_reason reason;
    const char *sentence; // for people; follows the destination where there is one
};

const struct refusal_answer *refusal_answer(enum refusal refusal);

#define REFUSAL_TEXT_MAX 1024
// The whole HTTP answer; `destination` ("example.org:443") may be "". Its length.
size_t refusal_format(enum refusal refusal, const char *destination, char text[static REFUSAL_TEXT_MAX]);
