#include "lib/networks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define PREFIX_OF_IPV4 96u

int network_address_parse(const char *text, size_t length, struct in6_addr *ret_address)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr four;
    struct in6_addr six;
    if (length == 0 || length >= sizeof(copy) || memchr(text, '\0', length))
        return -EINVAL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET, copy, &four) == 1) {
        *ret_address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(&ret_address->s6_addr[12], &four, sizeof(four));
        return 0;
    }
    if (inet_pton(AF_INET6, copy, &six) != 1)
        return -EINVAL;
    *ret_address = six;
    return 0;
}

void network_address_format(const struct in6_addr *address, char text[static INET6_ADDRSTRLEN])
{
    bool four = IN6_IS_ADDR_V4MAPPED(address);
    const void *bytes = four ? (const void *)&address->s6_addr[12] : (const void *)address;
    // The only failure is a buffer that is too small.
    (void)inet_ntop(four ? AF_INET : AF_INET6, bytes, text, INET6_ADDRSTRLEN);
}

static bool same_prefix(const struct in6_addr *one, const struct in6_addr *other, unsigned prefix)
{
    unsigned bytes = prefix / 8, bits = prefix % 8;
    if (memcmp(one->s6_addr, other->s6_addr, bytes) != 0)
        return false;
    return bits == 0 || (one->s6_addr[bytes] ^ other->s6_addr[bytes]) >> (8 - bits) == 0;
}

// What "/PREFIX" says, within the address's own length. 0 or -EINVAL.
static int parse_prefix(const char *digits, size_t length, unsigned maximum, unsigned *ret_prefix)
{
    unsigned prefix = 0;
    if (length == 0 || length > 3)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return -EINVAL;
        prefix = prefix * 10 + (unsigned)(digits[i] - '0');
    }
    if (prefix > maximum)
        return -EINVAL;
    *ret_prefix = prefix;
    return 0;
}

static int parse_network(const char *text, size_t length, struct network *ret_network)
{
    const char *slash = memchr(text, '/', length);
    size_t address_length = slash ? (size_t)(slash - text) : length;
    struct network network = {.prefix = 128};
    if (network_address_parse(text, address_length, &network.address) < 0)
        return -EINVAL;
    bool four = IN6_IS_ADDR_V4MAPPED(&network.address) && !memchr(text, ':', address_length);
    if (slash) {
        if (parse_prefix(slash + 1, length - address_length - 1, four ? 32 : 128, &network.prefix) < 0)
            return -EINVAL;
        network.prefix += four ? PREFIX_OF_IPV4 : 0;
    }
    // Host bits mean that somebody meant something else.
    for (unsigned bit = network.prefix; bit < 128; bit++) {
        if (network.address.s6_addr[bit / 8] >> (7 - bit % 8) & 1)
            return -EINVAL;
    }
    *ret_network = network;
    return 0;
}

int networks_parse(const char *text, struct networks *ret_networks)
{
    static const char separators[] = " ,";
    struct networks networks = {.count = 0};
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        if (networks.count == NETWORKS_MAX ||
            parse_network(text, length, &networks.items[networks.count]) < 0)
            return -EINVAL;
        networks.count++;
        text += length;
    }
    *ret_networks = networks;
    return 0;
}

bool networks_contain(const struct networks *networks, const struct in6_addr *address)
{
    for (size_t i = 0; i < networks->count; i++) {
        if (same_prefix(&networks->items[i].address, address, networks->items[i].prefix))
            return true;
    }
    return false;
}
