#pragma once
// What sandboxd says (lib/egress_channel.h) and what it is told.

#include "egress/proxy.h"
#include "lib/egress_channel.h"

struct control {
    struct proxy *proxy;
    struct watch channel;
    // The policy that is on its way.
    bool staging;
    struct id staged_sandbox;
    uint32_t rules_left, headers_left;
    struct egress_policy staged; // points to the two below
    struct egress_rule rules[EGRESS_RULES_MAX];
    struct egress_header headers[EGRESS_HEADERS_MAX];
    // The one answer that the channel had no room for; no request is read until it is out.
    bool answer_waits;
    struct egress_message answer;
};

// Serves the channel (which it takes) from here on and says READY. 0 or -errno.
int control_start(struct control *control, struct proxy *proxy, int channel);
void control_finish(struct control *control);
