#pragma once
// IP addresses and what kind of place they lead to.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_SIZE 46

struct address {
    uint8_t family; // 4 or 6
    uint8_t bytes[16];
};

struct network {
    struct address address; // host bits 0
    uint8_t prefix;
};

enum address_class {
    ADDRESS_PUBLIC,
    ADDRESS_UNSPECIFIED, // and the rest of 0.0.0.0/8
    ADDRESS_LOOPBACK,
    ADDRESS_PRIVATE, // RFC 1918, unique local
    ADDRESS_SHARED,  // carrier-grade NAT, RFC 6598
    ADDRESS_LINK_LOCAL,
    ADDRESS_METADATA, // where clouds tell a machine its secrets
    ADDRESS_MULTICAST,
    ADDRESS_RESERVED,   // documentation, benchmarks, protocol assignments, not allocated
    ADDRESS_TRANSITION, // an IPv4 address in an IPv6 one: mapped, NAT64, 6to4, Teredo
    ADDRESS_CLASS_COUNT,
};

// ret_network, if not NULL: the special network that the address belongs to; untouched for ADDRESS_PUBLIC.
enum address_class address_classify(const struct address *address, struct network *ret_network);
const char *address_class_name(enum address_class class);
// The IPv4 address that an ADDRESS_TRANSITION address leads to.
bool address_embedded(const struct address *address, struct address *ret_embedded);

bool network_contains(const struct network *network, const struct address *address);
// True when all of `inner` lies in `outer`.
bool network_within(const struct network *inner, const struct network *outer);

// An IPv4 address as four decimal numbers, or an IPv6 address without zone. `text` needs no NUL. False: neither.
bool address_parse(const char *text, size_t length, uint8_t family, struct address *ret_address);
void address_format(const struct address *address, char text[static ADDRESS_TEXT_SIZE]);
socklen_t address_to_socket(const struct address *address, uint16_t port,
                            struct sockaddr_storage *ret_socket);
// False for another family.
bool address_of_socket(const struct sockaddr_storage *socket, struct address *ret_address);
bool address_equal(const struct address *a, const struct address *b);
