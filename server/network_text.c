#include "server/network_text.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

json_t *network_text_rule(const struct egress_rule *rule, const char *header_name)
{
    char to[EGRESS_RULE_TEXT_MAX];
    egress_rule_format(rule, to);
    if (!header_name)
        return json_string(to);
    return json_pack("{s:s, s:{s:s, s:n}}", "to", to, "header", "name", header_name, "value");
}

int network_text_make(json_t *rules, char text[static NETWORK_TEXT_MAX + 1])
{
    const char *mode = json_array_size(rules) > 0 ? "allow" : "none";
    CLEANUP(cleanup_json) json_t *network = json_pack("{s:s, s:O}", "mode", mode, "rules", rules);
    AUTO_FREE char *made = network ? json_dumps(network, JSON_COMPACT) : NULL;
    if (!made)
        return -ENOMEM;
    if (strlen(made) > NETWORK_TEXT_MAX)
        return -EMSGSIZE;
    memcpy(text, made, strlen(made) + 1);
    return 0;
}

bool network_text_equal(const char *one, const char *other)
{
    CLEANUP(cleanup_json) json_t *first = json_loads(one, JSON_REJECT_DUPLICATES, NULL);
    CLEANUP(cleanup_json) json_t *second = json_loads(other, JSON_REJECT_DUPLICATES, NULL);
    return first && second && json_equal(first, second);
}
