#include "egress/policy.h"

#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

// A network this wide can't have been meant for the special ones in it.
#define EXPLICIT_PREFIX_MIN 4

struct policy {
    uint32_t rule_count, header_count;
    struct egress_rule *rules;
    struct egress_header *headers;
};

static void cleanup_policy(struct policy **policy)
{
    policy_free(*policy);
}

struct policy *policy_new(const struct egress_policy *content)
{
    CLEANUP(cleanup_policy) struct policy *policy = calloc(1, sizeof(*policy));
    if (!policy)
        return NULL;
    policy->rules = calloc(content->rule_count + 1u, sizeof(*policy->rules));
    policy->headers = calloc(content->header_count + 1u, sizeof(*policy->headers));
    if (!policy->rules || !policy->headers)
        return NULL;
    policy->rule_count = content->rule_count;
    policy->header_count = content->header_count;
    for (uint32_t i = 0; i < content->rule_count; i++) {
        if (content->rules[i].header > content->header_count)
            return NULL;
        policy->rules[i] = content->rules[i];
    }
    for (uint32_t i = 0; i < content->header_count; i++)
        policy->headers[i] = content->headers[i];
    return steal_pointer(&policy);
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    if (policy->headers)
        explicit_bzero(policy->headers, policy->header_count * sizeof(*policy->headers));
    free(policy->headers);
    free(policy->rules);
    free(policy);
}

static bool is_network(const struct egress_rule *rule)
{
    return rule->kind == EGRESS_RULE_NETWORK4 || rule->kind == EGRESS_RULE_NETWORK6;
}

static struct network network_of(const struct egress_rule *rule)
{
    struct network network = {.prefix = rule->prefix};
    network.address.family = rule->kind == EGRESS_RULE_NETWORK4 ? 4 : 6;
    memcpy(network.address.bytes, rule->address, sizeof(rule->address));
    return network;
}

static bool rule_names(const struct egress_rule *rule, const struct authority *authority)
{
    if (is_network(rule)) {
        struct network network = network_of(rule);
        return authority->literal && network_contains(&network, &authority->address);
    }
    if (authority->literal)
        return false;
    return rule->kind == EGRESS_RULE_DOMAIN ? strcmp(rule->name, authority->name) == 0
                                            : hostname_below(authority->name, rule->name);
}

enum refusal policy_check(const struct policy *policy, const struct authority *authority)
{
    enum refusal refusal = authority->literal ? REFUSAL_NETWORK : REFUSAL_NAME;
    for (uint32_t i = 0; policy && i < policy->rule_count; i++) {
        if (!rule_names(&policy->rules[i], authority))
            continue;
        if (egress_rule_has_port(&policy->rules[i], authority->port))
            return REFUSAL_NONE;
        refusal = REFUSAL_PORT;
    }
    return refusal;
}

// A network rule with this port that holds the address and lies in `special`.
static bool named_explicitly(const struct policy *policy, const struct address *address, uint16_t port,
                             const struct network *special)
{
    for (uint32_t i = 0; policy && i < policy->rule_count; i++) {
        const struct egress_rule *rule = &policy->rules[i];
        struct network network = network_of(rule);
        if (is_network(rule) && rule->prefix >= EXPLICIT_PREFIX_MIN && network_contains(&network, address) &&
            network_within(&network, special) && egress_rule_has_port(rule, port))
            return true;
    }
    return false;
}

static enum refusal check_special(const struct policy *policy, const struct address *address, uint16_t port)
{
    struct network special;
    struct address embedded;
    enum address_class class = address_classify(address, &special);
    if (class == ADDRESS_PUBLIC)
        return REFUSAL_NONE;
    if (!named_explicitly(policy, address, port, &special))
        return REFUSAL_ADDRESS;
    if (class == ADDRESS_TRANSITION && address_embedded(address, &embedded))
        return check_special(policy, &embedded, port);
    return REFUSAL_NONE;
}

enum refusal policy_check_address(const struct policy *policy, const struct authority *authority,
                                  const struct address *address, bool own)
{
    enum refusal refusal = policy_check(policy, authority);
    if (refusal == REFUSAL_NONE)
        refusal = check_special(policy, address, authority->port);
    struct network itself = {*address, address->family == 4 ? 32 : 128};
    if (refusal == REFUSAL_NONE && own && !named_explicitly(policy, address, authority->port, &itself))
        refusal = REFUSAL_OWN_ADDRESS;
    return refusal;
}

const struct egress_header *policy_header(const struct policy *policy, const struct authority *authority)
{
    const struct egress_rule *best = NULL;
    for (uint32_t i = 0; policy && i < policy->rule_count; i++) {
        const struct egress_rule *rule = &policy->rules[i];
        if (is_network(rule) || !rule_names(rule, authority) || !egress_rule_has_port(rule, authority->port))
            continue;
        bool closer = !best || strlen(rule->name) > strlen(best->name) ||
                      (rule->kind == EGRESS_RULE_DOMAIN && best->kind != EGRESS_RULE_DOMAIN);
        if (closer)
            best = rule;
    }
    return best && best->header ? &policy->headers[best->header - 1] : NULL;
}
