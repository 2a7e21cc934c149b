#pragma once
// A list of networks in CIDR form, and addresses that are looked up in it. Every address is an IPv6 one here; an IPv4 address is its mapped
// form (RFC 4291 section 2.5.5.2), so that both spellings of one address are equal.

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define NETWORKS_MAX 32u

struct network {
    struct in6_addr address; // host bits 0
    unsigned prefix;         // 0 .. 128
};

struct networks {
    struct network items[NETWORKS_MAX];
    size_t count;
};

// "10.0.0.0/8 2001:db8::1": addresses and networks, separated by spaces or commas. 0, or -EINVAL for anything else, host bits that are set
// and more than NETWORKS_MAX.
int networks_parse(const char *text, struct networks *ret_networks);
bool networks_contain(const struct networks *networks, const struct in6_addr *address);

// One address as text, of `length` bytes. Brackets, ports and zones are refused. 0 or -EINVAL.
int network_address_parse(const char *text, size_t length, struct in6_addr *ret_address);
// As people write it: an IPv4 address without its mapping.
void network_address_format(const struct in6_addr *address, char text[static INET6_ADDRSTRLEN]);
