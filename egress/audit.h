#pragma once
// The log of decisions, with a bound for each sandbox: EGRESS_LOG_BURST at once, EGRESS_LOG_PER_SECOND in the long run.
// What was left out is told by the next line.

#include "egress/sandbox.h"

struct audit {
    const char *method;            // "CONNECT" or "HTTP"
    const char *destination;       // "" when it could not be read
    const struct address *address; // that is connected to, or NULL
    enum refusal refusal;          // REFUSAL_NONE: allowed
    const char *detail;            // the class of a refused address, or NULL
};

// Counts and logs it.
void audit_decision(struct sandbox *sandbox, const struct audit *audit);
