#include "server/source.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

// The last address of the list, without blanks; cuts it off. 0 or -EINVAL.
static int take_last(const char *list, size_t *length, struct in6_addr *ret_address)
{
    size_t end = *length;
    while (end > 0 && is_blank(list[end - 1]))
        end--;
    size_t start = end;
    while (start > 0 && list[start - 1] != ',')
        start--;
    *length = start > 0 ? start - 1 : 0;
    while (start < end && is_blank(list[start]))
        start++;
    return network_address_parse(list + start, end - start, ret_address);
}

struct in6_addr source_find(const struct networks *trusted, const struct in6_addr *peer,
                            const char *forwarded)
{
    struct in6_addr source = *peer;
    size_t length = strlen(forwarded);
    // From the nearest hop on: what stands before the first one that is not trusted is that one's invention.
    for (int hops = 0; length > 0 && hops < SOURCE_HOPS_MAX && networks_contain(trusted, &source); hops++) {
        struct in6_addr hop;
        if (take_last(forwarded, &length, &hop) < 0)
            break;
        source = hop;
    }
    return source;
}

void source_key(const struct in6_addr *source, char key[static SOURCE_TEXT_SIZE])
{
    struct in6_addr network = *source;
    if (!IN6_IS_ADDR_V4MAPPED(&network))
        memset(&network.s6_addr[8], 0, 8);
    network_address_format(&network, key);
}
