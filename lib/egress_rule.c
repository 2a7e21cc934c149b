#include "lib/egress_rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TLS_PORT 443

// All of the array from the first NUL on is 0, and there is one.
static bool padded(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    if (length == size)
        return false;
    for (size_t i = length; i < size; i++) {
        if (text[i])
            return false;
    }
    return true;
}

static bool bits_zero(const uint8_t *bytes, unsigned from, unsigned to)
{
    for (unsigned bit = from; bit < to; bit++) {
        if (bytes[bit / 8] & (0x80u >> bit % 8))
            return false;
    }
    return true;
}

static bool ranges_valid(const struct egress_rule *rule)
{
    if (rule->range_count < 1 || rule->range_count > EGRESS_PORT_RANGES_MAX)
        return false;
    for (unsigned i = 0; i < EGRESS_PORT_RANGES_MAX; i++) {
        const struct egress_port_range *range = &rule->ranges[i];
        if (i < rule->range_count ? range->first == 0 || range->first > range->last
                                  : range->first != 0 || range->last != 0)
            return false;
    }
    return true;
}

static bool only_tls(const struct egress_rule *rule)
{
    for (unsigned i = 0; i < rule->range_count; i++) {
        if (rule->ranges[i].first != TLS_PORT || rule->ranges[i].last != TLS_PORT)
            return false;
    }
    return true;
}

bool egress_rule_valid(const struct egress_rule *rule)
{
    if (!ranges_valid(rule) || !padded(rule->name, sizeof(rule->name)) || rule->header > EGRESS_HEADERS_MAX)
        return false;
    bool named = rule->kind == EGRESS_RULE_DOMAIN || rule->kind == EGRESS_RULE_WILDCARD;
    if (rule->header && (!named || only_tls(rule)))
        return false;
    switch (rule->kind) {
    case EGRESS_RULE_DOMAIN:
    case EGRESS_RULE_WILDCARD:
        if (rule->prefix != 0 || !bits_zero(rule->address, 0, 128))
            return false;
        return hostname_canonical(rule->name) || (rule->kind == EGRESS_RULE_WILDCARD && !*rule->name);
    case EGRESS_RULE_NETWORK4:
        return rule->prefix <= 32 && !*rule->name && bits_zero(rule->address, rule->prefix, 128);
    case EGRESS_RULE_NETWORK6:
        return rule->prefix <= 128 && !*rule->name && bits_zero(rule->address, rule->prefix, 128);
    default:
        return false;
    }
}

static bool is_token(const char *text)
{
    return *text && text[strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

bool egress_header_name_valid(const char name[static EGRESS_HEADER_NAME_MAX])
{
    static const char *const reserved[] = {"Host",       "Content-Length", "Transfer-Encoding",
                                           "Connection", "Keep-Alive",     "TE",
                                           "Trailer",    "Upgrade",        "Expect"};
    if (!padded(name, EGRESS_HEADER_NAME_MAX) || !is_token(name))
        return false;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strcasecmp(name, reserved[i]) == 0)
            return false;
    }
    return strncasecmp(name, "Proxy-", 6) != 0;
}

bool egress_header_valid(const struct egress_header *header)
{
    if (!egress_header_name_valid(header->name) || !padded(header->value, sizeof(header->value)))
        return false;
    size_t length = strlen(header->value);
    for (size_t i = 0; i < length; i++) {
        char c = header->value[i];
        bool edge = i == 0 || i == length - 1;
        if ((c < 0x21 || c > 0x7e) && (edge || (c != ' ' && c != '\t')))
            return false;
    }
    return length > 0;
}

bool egress_rule_has_port(const struct egress_rule *rule, uint16_t port)
{
    for (unsigned i = 0; i < rule->range_count; i++) {
        if (port >= rule->ranges[i].first && port <= rule->ranges[i].last)
            return true;
    }
    return false;
}

// A decimal number without sign and leading zero up to `maximum`; text moves behind it.
static bool take_number(const char **text, unsigned maximum, unsigned *ret_value)
{
    unsigned value = 0;
    const char *p = *text;
    while (*p >= '0' && *p <= '9' && value <= maximum)
        value = value * 10 + (unsigned)(*p++ - '0');
    if (p == *text || value > maximum || (**text == '0' && p - *text > 1))
        return false;
    *text = p;
    *ret_value = value;
    return true;
}

static int parse_ports(const char *text, struct egress_rule *rule)
{
    for (;;) {
        unsigned first, last;
        if (rule->range_count == EGRESS_PORT_RANGES_MAX || !take_number(&text, UINT16_MAX, &first))
            return -EINVAL;
        last = first;
        if (*text == '-') {
            text++;
            if (!take_number(&text, UINT16_MAX, &last))
                return -EINVAL;
        }
        rule->ranges[rule->range_count++] = (struct egress_port_range){(uint16_t)first, (uint16_t)last};
        if (*text == '\0')
            return 0;
        if (*text++ != ',')
            return -EINVAL;
    }
}

// An address, or one with a prefix length.
static int parse_network(int family, char *text, struct egress_rule *rule)
{
    unsigned prefix = family == AF_INET ? 32 : 128;
    char *slash = strchr(text, '/');
    if (slash) {
        const char *rest = slash + 1;
        *slash = '\0';
        if (!take_number(&rest, prefix, &prefix) || *rest)
            return -EINVAL;
    }
    if (inet_pton(family, text, rule->address) != 1)
        return -EINVAL;
    rule->kind = family == AF_INET ? EGRESS_RULE_NETWORK4 : EGRESS_RULE_NETWORK6;
    rule->prefix = (uint8_t)prefix;
    return 0;
}

static int parse_name(const char *text, struct egress_rule *rule)
{
    rule->kind = EGRESS_RULE_DOMAIN;
    if (*text == '*') {
        rule->kind = EGRESS_RULE_WILDCARD;
        if (text[1] == '\0')
            return 0;
        if (text[1] != '.')
            return -EINVAL;
        text += 2;
    }
    return hostname_normalise(text, strlen(text), rule->name);
}

static int parse_destination(char *text, struct egress_rule *rule)
{
    struct in_addr address;
    size_t length = strlen(text);
    if (text[0] == '[') {
        if (text[length - 1] != ']')
            return -EINVAL;
        text[length - 1] = '\0';
        return parse_network(AF_INET6, text + 1, rule);
    }
    if (strchr(text, '/') || inet_pton(AF_INET, text, &address) == 1)
        return parse_network(AF_INET, text, rule);
    return parse_name(text, rule);
}

int egress_rule_parse(const char *text, struct egress_rule *ret_rule)
{
    struct egress_rule rule = {0};
    char destination[HOSTNAME_SIZE + 4];
    const char *bracket = text[0] == '[' ? strchr(text, ']') : text;
    const char *colon = bracket ? strchr(bracket, ':') : NULL;
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    if (length == 0 || length >= sizeof(destination))
        return -EINVAL;
    memcpy(destination, text, length);
    destination[length] = '\0';
    int error = parse_destination(destination, &rule);
    if (!error)
        error = parse_ports(colon ? colon + 1 : "80,443", &rule);
    if (error || !egress_rule_valid(&rule))
        return -EINVAL;
    *ret_rule = rule;
    return 0;
}

static bool default_ports(const struct egress_rule *rule)
{
    static const struct egress_port_range usual[2] = {{80, 80}, {TLS_PORT, TLS_PORT}};
    return rule->range_count == 2 && memcmp(rule->ranges, usual, sizeof(usual)) == 0;
}

static size_t format_destination(const struct egress_rule *rule, char text[static EGRESS_RULE_TEXT_MAX])
{
    char address[INET6_ADDRSTRLEN], prefix[8] = "";
    bool six = rule->kind == EGRESS_RULE_NETWORK6;
    int length;
    if (rule->kind == EGRESS_RULE_DOMAIN)
        length = snprintf(text, EGRESS_RULE_TEXT_MAX, "%s", rule->name);
    else if (rule->kind == EGRESS_RULE_WILDCARD)
        length = snprintf(text, EGRESS_RULE_TEXT_MAX, "*%s%s", *rule->name ? "." : "", rule->name);
    else {
        inet_ntop(six ? AF_INET6 : AF_INET, rule->address, address, sizeof(address));
        if (rule->prefix != (six ? 128 : 32))
            snprintf(prefix, sizeof(prefix), "/%u", rule->prefix);
        length = snprintf(text, EGRESS_RULE_TEXT_MAX, six ? "[%s%s]" : "%s%s", address, prefix);
    }
    return (size_t)length;
}

void egress_rule_format(const struct egress_rule *rule, char text[static EGRESS_RULE_TEXT_MAX])
{
    size_t length = format_destination(rule, text);
    if (default_ports(rule))
        return;
    for (unsigned i = 0; i < rule->range_count; i++) {
        const struct egress_port_range *range = &rule->ranges[i];
        char last[8] = "";
        if (range->last != range->first)
            snprintf(last, sizeof(last), "-%u", range->last);
        length += (size_t)snprintf(text + length, EGRESS_RULE_TEXT_MAX - length, "%c%u%s", i == 0 ? ':' : ',',
                                   range->first, last);
    }
}
