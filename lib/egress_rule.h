#pragma once
// The rules of a sandbox's network policy, as they cross the channel to sandbox-egress.

#include <stdbool.h>
#include <stdint.h>

#include "lib/hostname.h"

#define EGRESS_RULES_MAX 64u      // rules of one sandbox
#define EGRESS_PORT_RANGES_MAX 8u // port ranges of one rule
#define EGRESS_HEADERS_MAX 16u    // headers that a policy injects
#define EGRESS_HEADER_NAME_MAX 64u
#define EGRESS_HEADER_VALUE_MAX 4096u

enum egress_rule_kind {
    EGRESS_RULE_DOMAIN = 1, // exactly this name
    EGRESS_RULE_WILDCARD,   // every name below this one; every name when it is empty
    EGRESS_RULE_NETWORK4,   // these addresses, named by address; see docs in egress/DESIGN.md
    EGRESS_RULE_NETWORK6,
};

struct egress_port_range {
    uint16_t first, last; // 1 <= first <= last
};

struct egress_rule {
    uint8_t kind;        // enum egress_rule_kind
    uint8_t prefix;      // NETWORK4 0..32, NETWORK6 0..128; else 0
    uint8_t range_count; // 1 .. EGRESS_PORT_RANGES_MAX
    uint8_t header;      // 0: none; else the number of the header to inject, counted from 1
    struct egress_port_range ranges[EGRESS_PORT_RANGES_MAX]; // unused ones are 0
    uint8_t address[16];          // network byte order, host bits 0; NETWORK4 uses the first 4
    char name[HOSTNAME_SIZE + 2]; // canonical, NUL-padded; empty for networks
};

struct egress_header {
    char name[EGRESS_HEADER_NAME_MAX];   // a token (RFC 9110 5.6.2), NUL-padded
    char value[EGRESS_HEADER_VALUE_MAX]; // visible ASCII, spaces and tabs inside; a secret
};

// Every range, padding and count as the structure says. An injected header needs a domain or wildcard rule with a
// port besides 443: what goes through a TLS tunnel can't be added to, and a policy that can't do what it promises is
// refused.
bool egress_rule_valid(const struct egress_rule *rule);
// False besides for the names that frame a message or belong to the connection (Host, Content-Length, ...).
bool egress_header_valid(const struct egress_header *header);
// The name alone.
bool egress_header_name_valid(const char name[static EGRESS_HEADER_NAME_MAX]);
bool egress_rule_has_port(const struct egress_rule *rule, uint16_t port);

// Reads DESTINATION[:PORTS] where DESTINATION is a domain, "*." and a domain, "*", an address or network in CIDR
// form (an IPv6 one in brackets: "[2001:db8::/32]:443"), and PORTS is "80,443,8000-8100"; without: 80 and 443. -EINVAL.
int egress_rule_parse(const char *text, struct egress_rule *ret_rule);

#define EGRESS_RULE_TEXT_MAX 384u // with its NUL
// The one text of a valid rule without its header: lower case, ports as they were listed and left out where they are 80 and 443.
// egress_rule_parse gives the rule back.
void egress_rule_format(const struct egress_rule *rule, char text[static EGRESS_RULE_TEXT_MAX]);
