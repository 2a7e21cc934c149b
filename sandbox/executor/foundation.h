#pragma once
// What sandboxes of one kind are made from: a user and a mount namespace whose root is ready (programs, /etc, /dev, read-only) and knows nothing
// else of the host, and network namespaces that nobody was in yet. A sandbox begins as a copy of it (OPERATION_ENTER), so that its start mounts
// only what is its own. The namespaces belong to the service; no sandbox has a right in them.

#include <stdbool.h>
#include <stdint.h>

#define FOUNDATION_NETWORKS 4

struct foundation {
    int user, mounts; // namespaces
    int networks[FOUNDATION_NETWORKS];
    unsigned network_count;
};

#define FOUNDATION_NONE ((struct foundation){.user = -1, .mounts = -1})

// The host uids (and gids, the same numbers) that its sandboxes get; count 0: the service's own.
struct foundation_ids {
    uint32_t first, count;
};

// Needs CAP_SETUID and CAP_SETGID for other ids than the own one. With one network namespace ready, which proves that others can enter it.
// 0 or -errno.
int foundation_make(const struct foundation_ids *ids, struct foundation *ret_foundation);
// Sandboxes that began in it keep what they have of it. FOUNDATION_NONE is fine, and what it is afterwards.
void foundation_finish(struct foundation *foundation);
// A network namespace with lo up, for one sandbox. The caller's to close. -1 when none is ready: OPERATION_ENTER makes one then.
int foundation_network(struct foundation *foundation);
// Makes one more, when there is room. False when there was nothing to do, or it failed.
bool foundation_refill(struct foundation *foundation);
