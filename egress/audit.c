#include "egress/audit.h"

#include <stdio.h>

#include "lib/log.h"

static bool may_log(struct sandbox *sandbox)
{
    uint64_t now = clock_ms();
    uint64_t earned = (now - sandbox->log_filled) * EGRESS_LOG_PER_SECOND / 1000;
    if (earned > 0) {
        uint64_t left = sandbox->log_left + earned;
        sandbox->log_left = left < EGRESS_LOG_BURST ? (unsigned)left : EGRESS_LOG_BURST;
        sandbox->log_filled = now;
    }
    if (sandbox->log_left == 0) {
        sandbox->log_suppressed++;
        return false;
    }
    sandbox->log_left--;
    return true;
}

void audit_decision(struct sandbox *sandbox, const struct audit *audit)
{
    bool allowed = audit->refusal == REFUSAL_NONE;
    char address[ADDRESS_TEXT_SIZE] = "", suppressed[16];
    enum egress_reason reason = allowed ? EGRESS_REASON_LISTED : refusal_answer(audit->refusal)->reason;
    sandbox->proxy->totals.decisions[reason]++;
    if (allowed)
        sandbox->counters.requests++;
    else
        sandbox->counters.denied++;
    if (!may_log(sandbox))
        return;
    if (audit->address)
        address_format(audit->address, address);
    snprintf(suppressed, sizeof(suppressed), "%u", sandbox->log_suppressed);
    sandbox->log_suppressed = 0;
    log_info(allowed ? "egress allowed" : "egress refused", {"sandbox", sandbox->id_text},
             {"method", audit->method}, {"destination", audit->destination}, {"address", address},
             {"reason", egress_reason_name(reason)}, {"detail", audit->detail ? audit->detail : ""},
             {"suppressed", suppressed});
}
