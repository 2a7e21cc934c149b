#pragma once
// Host names as the network layer compares them: ASCII letters, digits, hyphens and underscores in labels of at
// most 63 bytes (RFC 1035 2.3.4), lower case, no trailing dot. International names stand in their A-label form
// (xn--, RFC 5890): nothing here converts them, so no two spellings of a name can be taken for each other.

#include <stdbool.h>
#include <stddef.h>

#define HOSTNAME_SIZE 254 // 253 bytes and the NUL

// Writes the canonical form of `text` (which needs no NUL). One trailing dot is dropped. -EINVAL for an empty
// name, an empty or too long label, a label that starts or ends with a hyphen, any other byte, and a name whose last
// label is a number: it would be an IPv4 address to some (inet_aton(3): "127.1", "0x7f000001").
int hostname_normalise(const char *text, size_t length, char ret_name[static HOSTNAME_SIZE]);

// True when the name is its own canonical form.
bool hostname_canonical(const char *name);

// True when `name` lies below `domain` ("a.b.example.org" below "example.org"); never for the domain itself. Every
// name lies below "". Both canonical.
bool hostname_below(const char *name, const char *domain);
