#pragma once
// A configuration read again while it is served (SIGHUP).

#include "lib/config.h"

// Reads everything anew that argv and the environment name. What can change under running sandboxes and sign-ins takes effect at
// once; what else differs is logged as waiting for a restart. A wrong configuration changes nothing. Call it on the loop.
void reload_configuration(struct config *config, int argc, char *const *argv);
