#pragma once
// Who asks: the address that a request comes from. Behind a proxy that the configuration trusts (TRUSTED_PROXIES) it stands in X-Forwarded-For;
// from anybody else that header means nothing.

#include "lib/networks.h"

#define SOURCE_TEXT_SIZE INET6_ADDRSTRLEN
#define SOURCE_HOPS_MAX 16 // addresses of one header that are looked at

// The address after the last trusted proxy. `forwarded` is the header's value, all of them joined with commas, or "". A trusted proxy that sends
// none, or sends what is no address, is the source itself: its requests then share what one source is given, but nobody gets more by it.
struct in6_addr source_find(const struct networks *trusted, const struct in6_addr *peer,
                            const char *forwarded);
// What limits are counted by: an IPv4 address, or the /64 that one subscriber has of IPv6.
void source_key(const struct in6_addr *source, char key[static SOURCE_TEXT_SIZE]);
