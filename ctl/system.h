#pragma once
// An installation by package: the configuration has its place (SYSTEM_CONFIG_DIR, set when the package is built), and root works on
// the database as the service's own user, who alone has a role there. A build without that place has none of this.

#include "ctl/context.h"

// Reads SYSTEM_CONFIG_DIR/config.env and, as root, the credentials beside it, when --config is not given and the file is there. Call
// it before config_load: what argv and the environment say comes over it. 0, or -EINVAL with the error told.
int system_configuration(struct context *context, struct config_error *ret_error);

// As root with that configuration: becomes the user sandbox-server, for good. Otherwise does nothing. 0 or -errno.
int system_become_service(const struct context *context);

// For commands that need root besides: between the two, what connects to the database does so as the user sandbox-server, where
// system_become_service would become it. 0 or -errno.
int system_lend(const struct context *context);
int system_return(const struct context *context);
