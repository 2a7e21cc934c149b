#pragma once
// What a request wishes of a sandbox's network: {"mode": "none"} or {"mode": "allow", "rules": [...]}, each rule a destination as
// egress_rule_parse takes it, or {"to": destination, "header": {"name": ..., "value": ...}}. Values of headers go to sandboxd and nowhere
// else.

#include <jansson.h>

#include "lib/egress_rule.h"
#include "server/network_text.h"
#include "server/sandboxd_client.h"
#include "server/wish.h"

struct network_wish {
    struct egress_rule rules[EGRESS_RULES_MAX];
    struct egress_header headers[EGRESS_HEADERS_MAX]; // secrets
    uint32_t rule_count, header_count;
    char text[NETWORK_TEXT_MAX + 1]; // without the values of headers
};

void network_wish_none(struct network_wish *wish);
// 0, or -EINVAL with the sentence, -ENOMEM with one as well.
int network_wish_read(const json_t *value, struct network_wish *wish, char wrong[static WISH_WRONG_MAX]);
// Ahead of CREATE or SET_NETWORK. 0 or -ENOTCONN.
int network_wish_send(const struct network_wish *wish, struct sandboxd_client *sandboxd);
