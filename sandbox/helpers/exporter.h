#pragma once
// sandbox-export, which makes films of recordings: a helper without a sandbox.

#include "sandbox/daemon/service.h"

// Starts one. 0: the client hears EXPORTED or EXPORT_FAILED later; -errno: refused, -EUSERS when all are busy.
int exporter_start(struct service *service, const struct sandboxd_export *request);
void exporters_stop(struct service *service);
bool exporters_gone(const struct service *service);
