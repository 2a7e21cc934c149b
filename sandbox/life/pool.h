#pragma once
// The parked sandboxes: kept at their number, replaced when one dies, and never more than their share of memory.

#include "lib/sandboxd_channel.h"
#include "sandbox/daemon/service.h"

struct sandbox;

// Starts the spawner. Leaves service->pool NULL when nothing is to be kept ready.
int pool_open(struct service *service);
void pool_close(struct service *service);
// Something of what pool_next decides by has changed.
void pool_touch(struct service *service);
// Parks the next one if it is time; to be called whenever an event was handled.
void pool_run(struct service *service);
// What builds them, when it is there and takes a request now, or NULL.
struct spawner;
const struct spawner *pool_spawner(const struct service *service);
// One that is ready, or NULL.
struct sandbox *pool_choose(const struct service *service, unsigned template_id);
// It has an owner from here on.
void pool_claimed(struct service *service, unsigned template_id);
// One of nobody ended.
void pool_ended(const struct sandbox *sandbox);
// Takes what keeps the mounts of an ended sandbox, or -1: they go where nobody waits.
void pool_take_mounts(struct service *service, int mounts);
// Sends POOL to the client; nothing without a pool.
void pool_tell(struct service *service);
