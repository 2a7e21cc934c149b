#pragma once
// sandbox-tick as sandboxd sees it: started again whenever it ends, and never waited for.

#include <stdbool.h>

#include "sandbox/daemon/service.h"

// Starts it, if SANDBOX_TICK_US wants it. Where it can't be had sandboxes run without it. 0 or -errno: memory is out.
int ticker_start(struct service *service);
// Begins its end; ticker_gone tells when that is over.
void ticker_stop(struct service *service);
bool ticker_gone(const struct service *service);
void ticker_free(struct service *service);
