#pragma once
// The destination of a request: host and port (RFC 3986 3.2), strictly.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "egress/address.h"
#include "lib/hostname.h"

#define AUTHORITY_TEXT_SIZE (HOSTNAME_SIZE + 8)

struct authority {
    bool literal; // an address, else a name
    struct address address;
    char name[HOSTNAME_SIZE]; // canonical; empty for an address
    uint16_t port;            // 0: none was given
};

// "example.org", "example.org:8080", "192.0.2.1:80", "[2001:db8::1]:443". False for anything else: user names,
// percent signs, zones, other spellings of addresses and ports. `text` needs no NUL.
bool authority_parse(const char *text, size_t length, struct authority *ret_authority);
// Both ports given.
bool authority_equal(const struct authority *a, const struct authority *b);
void authority_format(const struct authority *authority, char text[static AUTHORITY_TEXT_SIZE]);
