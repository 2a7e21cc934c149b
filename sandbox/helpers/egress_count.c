// What the proxies have counted, each since its start: added up over all of them.

#include <errno.h>
#include <string.h>

#include "sandbox/daemon/client.h"
#include "sandbox/helpers/egress.h"

void egress_count_all(struct egress *egress)
{
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        struct sandbox *sandbox = egress->service->sandboxes[i];
        if (sandbox)
            sandbox->network.count_due = sandbox->network.added;
    }
    egress->totals_due = true;
    egress_sync(egress);
}

static void add_counters(struct egress_counters *sum, const struct egress_counters *more)
{
    sum->connections += more->connections;
    sum->requests += more->requests;
    sum->denied += more->denied;
    sum->bytes_in += more->bytes_in;
    sum->bytes_out += more->bytes_out;
}

void egress_keep_counted(struct network *network)
{
    add_counters(&network->before, &network->counted);
    network->counted = (struct egress_counters){0};
}

void egress_usage(const struct sandbox *sandbox, struct sandbox_usage *usage)
{
    struct egress_counters sum = sandbox->network.before;
    add_counters(&sum, &sandbox->network.counted);
    usage->network_in_bytes = sum.bytes_in;
    usage->network_out_bytes = sum.bytes_out;
    usage->network_allowed = sum.requests;
    usage->network_refused = sum.denied;
}

void egress_tell_totals(struct service *service)
{
    if (!service->egress)
        return;
    struct sandboxd_message message = {.kind = SANDBOXD_EGRESS, .egress = service->egress->before};
    egress_totals_add(&message.egress, &service->egress->counted);
    message.egress.open = service->egress->counted.open;
    client_send(service, &message, -1);
}

int egress_take_totals(struct egress *egress, const struct egress_totals *totals)
{
    bool news = memcmp(&egress->counted, totals, sizeof(*totals)) != 0;
    if (egress->unanswered == 0)
        return -EPROTO;
    egress->unanswered--;
    egress->counted = *totals;
    egress_progress(egress);
    if (news)
        egress_tell_totals(egress->service);
    return 0;
}

void egress_keep_totals(struct egress *egress)
{
    egress_totals_add(&egress->before, &egress->counted);
    egress->counted = (struct egress_totals){0};
    egress_tell_totals(egress->service);
}
