#pragma once
// One sandbox-streamer per viewer, in its own confinement.

#include "sandbox/life/sandbox.h"

// Starts one. 0: the client hears ATTACHED or ATTACH_FAILED later; -errno: refused.
int streamer_attach(struct service *service, const struct sandboxd_attach *request);
// Kills those of one sandbox.
void streamer_stop_all(struct service *service, const struct sandbox *sandbox);
