#pragma once
// Host uids above SANDBOX_UID_BASE: first one for each account, then one for each streamer, that of sandbox-egress, then those of sandboxes that were parked before
// they had an owner; the last ones are that of sandbox-tick and those of exporters. A home belongs to exactly one of them at a time (sandbox/DESIGN.md, "Whose uid").

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/limits.h"

#define STREAMERS_MAX (SANDBOX_MAX_TOTAL * VIEWER_MAX)
#define HOST_UIDS_COUNT (1u << 21)
#define HOST_UID_STREAMERS (ACCOUNT_NUMBER_MAX + 1)
#define HOST_UID_EGRESS (HOST_UID_STREAMERS + STREAMERS_MAX)
#define HOST_UID_PARKED (HOST_UID_EGRESS + 1)
#define HOST_UID_EXPORTERS (HOST_UIDS_COUNT - EXPORTERS_MAX)
#define HOST_UID_TICK (HOST_UID_EXPORTERS - 1)
#define HOST_UID_PARKED_COUNT (HOST_UID_TICK - HOST_UID_PARKED)

// Which uids of parked sandboxes are taken: by a sandbox, or by a stored home.
struct uids {
    uint32_t base;
    uint32_t next;  // where the search begins: a uid comes back as late as possible
    uint8_t *taken; // by how many; 255 stays
};

// -ENOMEM. A zeroed struct may be finished.
int uids_init(struct uids *uids, uint32_t base);
void uids_finish(struct uids *uids);
bool uids_is_parked(const struct uids *uids, uid_t uid);
// -EUSERS when none is left.
int uids_take(struct uids *uids, uid_t *ret_uid);
// Others than those of parked sandboxes are passed over.
void uids_hold(struct uids *uids, uid_t uid);
void uids_release(struct uids *uids, uid_t uid);
// Holds those of the homes in that directory, and those that a home was on its way to when an earlier run ended.
int uids_hold_homes(struct uids *uids, const char *storage);
