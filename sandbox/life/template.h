#pragma once
// What sandboxes are made from: one row for each template.

#include "lib/sandboxd_channel.h"
#include "sandbox/daemon/settings.h"
#include "sandbox/plan/plan.h"

struct sandbox_template_row {
    const char *name;
    bool desktop; // has an X server, and the owner's home
    enum config_key pool_size;
    // The plan of one that waits for its owner. `limits`: what its tmpfs are sized for.
    int (*plan_parked)(struct plan *plan, const struct plan_host *host, uint32_t host_uid,
                       const struct sandbox_limits *limits);
    struct sandbox_limits parked; // while it waits, without what its picture takes
};

const struct sandbox_template_row *template_of(unsigned template_id);
// What a parked one may take.
struct sandbox_limits template_parked_limits(unsigned template_id, const struct settings *settings);
