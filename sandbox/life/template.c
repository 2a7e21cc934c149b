#include "sandbox/life/template.h"

#include <stdlib.h>

#include "lib/streamer_channel.h"

static int plan_parked_desktop(struct plan *plan, const struct plan_host *host, uint32_t host_uid,
                               const struct sandbox_limits *limits)
{
    return plan_desktop(plan, host, NULL, host_uid, limits);
}

// Half a processor: who is there already goes first. The X server and the window manager touch some 20 MiB; the rest is room for the page
// cache that their start fills.
static const struct sandbox_template_row rows[TEMPLATE_COUNT] = {
    [TEMPLATE_DESKTOP] = {.name = "desktop",
                          .desktop = true,
                          .pool_size = CONFIG_SANDBOX_POOL_DESKTOP,
                          .plan_parked = plan_parked_desktop,
                          .parked = {.memory_mb = 64, .cpu_percent = 50, .pids = 64}},
    [TEMPLATE_CODE] = {.name = "code",
                       .desktop = false,
                       .pool_size = CONFIG_SANDBOX_POOL_CODE,
                       .plan_parked = plan_waiting,
                       .parked = {.memory_mb = 8, .cpu_percent = 50, .pids = 16}},
};

const struct sandbox_template_row *template_of(unsigned template_id)
{
    if (template_id >= TEMPLATE_COUNT)
        abort();
    return &rows[template_id];
}

struct sandbox_limits template_parked_limits(unsigned template_id, const struct settings *settings)
{
    struct sandbox_limits limits = rows[template_id].parked;
    if (rows[template_id].desktop)
        limits.memory_mb += (uint32_t)(framebuffer_size(settings->width, settings->height) >> 20) + 1;
    return limits;
}
