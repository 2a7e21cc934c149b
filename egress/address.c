#include "egress/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define V4(a, b, c, d, prefix)                                                                               \
    {                                                                                                        \
        {4, {a, b, c, d}}, prefix                                                                            \
    }
#define V6(prefix, ...)                                                                                      \
    {                                                                                                        \
        {6, {__VA_ARGS__}}, prefix                                                                           \
    }

// The special-purpose registries of IANA (RFC 6890 and its updates), the first match counts.
static const struct special {
    struct network network;
    enum address_class class;
} specials[] = {
    {V4(169, 254, 169, 254, 32), ADDRESS_METADATA},
    {V4(169, 254, 170, 2, 32), ADDRESS_METADATA},   // Amazon ECS
    {V4(100, 100, 100, 200, 32), ADDRESS_METADATA}, // Alibaba
    {V4(168, 63, 129, 16, 32), ADDRESS_METADATA},   // Azure
    {V4(192, 0, 0, 192, 32), ADDRESS_METADATA},     // Oracle
    {V4(0, 0, 0, 0, 8), ADDRESS_UNSPECIFIED},
    {V4(10, 0, 0, 0, 8), ADDRESS_PRIVATE},
    {V4(100, 64, 0, 0, 10), ADDRESS_SHARED},
    {V4(127, 0, 0, 0, 8), ADDRESS_LOOPBACK},
    {V4(169, 254, 0, 0, 16), ADDRESS_LINK_LOCAL},
    {V4(172, 16, 0, 0, 12), ADDRESS_PRIVATE},
    {V4(192, 0, 0, 0, 24), ADDRESS_RESERVED},
    {V4(192, 0, 2, 0, 24), ADDRESS_RESERVED},
    {V4(192, 88, 99, 0, 24), ADDRESS_TRANSITION}, // 6to4 relays, RFC 7526
    {V4(192, 168, 0, 0, 16), ADDRESS_PRIVATE},
    {V4(198, 18, 0, 0, 15), ADDRESS_RESERVED},
    {V4(198, 51, 100, 0, 24), ADDRESS_RESERVED},
    {V4(203, 0, 113, 0, 24), ADDRESS_RESERVED},
    {V4(224, 0, 0, 0, 4), ADDRESS_MULTICAST},
    {V4(240, 0, 0, 0, 4), ADDRESS_RESERVED},
    {V6(128, 0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54), ADDRESS_METADATA},
    {V6(128, 0xfd, 0x20, 0, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54), ADDRESS_METADATA}, // Google
    {V6(128, 0), ADDRESS_UNSPECIFIED},
    {V6(128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), ADDRESS_LOOPBACK},
    {V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), ADDRESS_TRANSITION}, // mapped
    {V6(96, 0), ADDRESS_TRANSITION},                                        // compatible, RFC 4291
    {V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), ADDRESS_TRANSITION},       // translated, RFC 2765
    {V6(96, 0, 0x64, 0xff, 0x9b), ADDRESS_TRANSITION},                      // NAT64, RFC 6052
    {V6(48, 0, 0x64, 0xff, 0x9b, 0, 1), ADDRESS_TRANSITION},                // NAT64 local use, RFC 8215
    {V6(32, 0x20, 0x01), ADDRESS_TRANSITION},                               // Teredo, RFC 4380
    {V6(16, 0x20, 0x02), ADDRESS_TRANSITION},                               // 6to4, RFC 3056
    {V6(23, 0x20, 0x01), ADDRESS_RESERVED},
    {V6(32, 0x20, 0x01, 0x0d, 0xb8), ADDRESS_RESERVED},
    {V6(20, 0x3f, 0xff), ADDRESS_RESERVED},
    {V6(7, 0xfc), ADDRESS_PRIVATE},
    {V6(10, 0xfe, 0x80), ADDRESS_LINK_LOCAL},
    {V6(10, 0xfe, 0xc0), ADDRESS_PRIVATE}, // site-local, RFC 3879
    {V6(8, 0xff), ADDRESS_MULTICAST},
};

// Outside of global unicast everything is special, RFC 4291 2.4.
static const struct network global_unicast = V6(3, 0x20);
static const struct network all_v6 = V6(0, 0);

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool network_contains(const struct network *network, const struct address *address)
{
    return network->address.family == address->family &&
           same_bits(network->address.bytes, address->bytes, network->prefix);
}

bool network_within(const struct network *inner, const struct network *outer)
{
    return inner->prefix >= outer->prefix && network_contains(outer, &inner->address);
}

enum address_class address_classify(const struct address *address, struct network *ret_network)
{
    const struct network *network = NULL;
    enum address_class class = ADDRESS_PUBLIC;
    for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]) && !network; i++) {
        if (network_contains(&specials[i].network, address)) {
            network = &specials[i].network;
            class = specials[i].class;
        }
    }
    if (!network && address->family == 6 && !network_contains(&global_unicast, address)) {
        network = &all_v6;
        class = ADDRESS_RESERVED;
    }
    if (network && ret_network)
        *ret_network = *network;
    return class;
}

const char *address_class_name(enum address_class class)
{
    static const char *const names[ADDRESS_CLASS_COUNT] = {
        [ADDRESS_PUBLIC] = "public",
        [ADDRESS_UNSPECIFIED] = "unspecified",
        [ADDRESS_LOOPBACK] = "loopback",
        [ADDRESS_PRIVATE] = "private",
        [ADDRESS_SHARED] = "carrier-grade NAT",
        [ADDRESS_LINK_LOCAL] = "link-local",
        [ADDRESS_METADATA] = "cloud metadata",
        [ADDRESS_MULTICAST] = "multicast",
        [ADDRESS_RESERVED] = "reserved",
        [ADDRESS_TRANSITION] = "IPv4-in-IPv6",
    };
    return class < ADDRESS_CLASS_COUNT ? names[class] : "unknown";
}

bool address_embedded(const struct address *address, struct address *ret_embedded)
{
    static const struct network six_to_four = V6(16, 0x20, 0x02), teredo = V6(32, 0x20, 0x01),
                                local_nat64 = V6(48, 0, 0x64, 0xff, 0x9b, 0, 1);
    struct address embedded = {.family = 4};
    // RFC 8215 leaves the place of the IPv4 address to the network's operator.
    if (address->family != 6 || network_contains(&local_nat64, address))
        return false;
    unsigned offset = network_contains(&six_to_four, address) ? 2 : 12;
    memcpy(embedded.bytes, address->bytes + offset, 4);
    if (network_contains(&teredo, address)) {
        for (unsigned i = 0; i < 4; i++)
            embedded.bytes[i] ^= 0xff;
    }
    *ret_embedded = embedded;
    return true;
}

bool address_parse(const char *text, size_t length, uint8_t family, struct address *ret_address)
{
    char copy[ADDRESS_TEXT_SIZE];
    struct address address = {.family = family};
    if (length >= sizeof(copy) || memchr(text, '\0', length))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(family == 4 ? AF_INET : AF_INET6, copy, address.bytes) != 1)
        return false;
    *ret_address = address;
    return true;
}

void address_format(const struct address *address, char text[static ADDRESS_TEXT_SIZE])
{
    inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, text, ADDRESS_TEXT_SIZE);
}

socklen_t address_to_socket(const struct address *address, uint16_t port, struct sockaddr_storage *ret_socket)
{
    *ret_socket = (struct sockaddr_storage){0};
    if (address->family == 4) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&v4.sin_addr, address->bytes, 4);
        memcpy(ret_socket, &v4, sizeof(v4));
        return sizeof(v4);
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&v6.sin6_addr, address->bytes, 16);
    memcpy(ret_socket, &v6, sizeof(v6));
    return sizeof(v6);
}

bool address_of_socket(const struct sockaddr_storage *socket, struct address *ret_address)
{
    struct address address = {0};
    if (socket->ss_family == AF_INET) {
        address.family = 4;
        memcpy(address.bytes, &((const struct sockaddr_in *)socket)->sin_addr, 4);
    } else if (socket->ss_family == AF_INET6) {
        address.family = 6;
        memcpy(address.bytes, &((const struct sockaddr_in6 *)socket)->sin6_addr, 16);
    } else {
        return false;
    }
    *ret_address = address;
    return true;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
