#pragma once
// Which pages may act on this server (RFC 6454): the ones it serves itself, and those of ALLOWED_ORIGINS.

#include <stdbool.h>

// Is every word of ALLOWED_ORIGINS an origin: http:// or https://, a host, perhaps a port, nothing else?
bool origin_list_valid(const char *allowed);
// `origin` and `host` are the request's headers ("" when it has none). A request without Origin comes from no page and is permitted: it
// carries its own credentials.
bool origin_permitted(const char *origin, const char *host, const char *allowed);
