#include "egress/authority.h"

#include <stdio.h>
#include <string.h>

static bool parse_port(const char *text, size_t length, uint16_t *ret_port)
{
    unsigned port = 0;
    if (length < 1 || length > 5)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (port < 1 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse_host(const char *text, size_t length, struct authority *authority)
{
    authority->literal = true;
    if (length >= 2 && text[0] == '[')
        return address_parse(text + 1, length - 2, 6, &authority->address);
    if (address_parse(text, length, 4, &authority->address))
        return true;
    authority->literal = false;
    return hostname_normalise(text, length, authority->name) == 0;
}

bool authority_parse(const char *text, size_t length, struct authority *ret_authority)
{
    struct authority authority = {0};
    size_t host = length;
    const char *end = memchr(text, length > 0 && text[0] == '[' ? ']' : ':', length);
    if (length > 0 && text[0] == '[') {
        if (!end)
            return false;
        host = (size_t)(end - text) + 1;
    } else if (end) {
        host = (size_t)(end - text);
    }
    if (host < length &&
        (text[host] != ':' || !parse_port(text + host + 1, length - host - 1, &authority.port)))
        return false;
    if (!parse_host(text, host, &authority))
        return false;
    *ret_authority = authority;
    return true;
}

bool authority_equal(const struct authority *a, const struct authority *b)
{
    if (a->port != b->port || a->literal != b->literal)
        return false;
    return a->literal ? address_equal(&a->address, &b->address) : strcmp(a->name, b->name) == 0;
}

void authority_format(const struct authority *authority, char text[static AUTHORITY_TEXT_SIZE])
{
    char address[ADDRESS_TEXT_SIZE];
    if (!authority->literal) {
        snprintf(text, AUTHORITY_TEXT_SIZE, "%s:%u", authority->name, authority->port);
        return;
    }
    address_format(&authority->address, address);
    snprintf(text, AUTHORITY_TEXT_SIZE, authority->address.family == 6 ? "[%s]:%u" : "%s:%u", address,
             authority->port);
}
