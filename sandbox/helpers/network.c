#include "sandbox/helpers/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// With one reference, empty; NULL when memory is out.
static struct network_policy *policy_new(void)
{
    struct network_policy *policy = calloc(1, sizeof(*policy));
    if (!policy)
        return NULL;
    policy->references = 1;
    policy->content.rules = policy->rules;
    policy->content.headers = policy->headers;
    return policy;
}

struct network_policy *network_policy_ref(struct network_policy *policy)
{
    if (policy)
        policy->references++;
    return policy;
}

void network_policy_unref(struct network_policy *policy)
{
    if (!policy || --policy->references > 0)
        return;
    explicit_bzero(policy, sizeof(*policy));
    free(policy);
}

static int begin(struct network_staging *staging, const struct sandboxd_network_begin *request)
{
    network_staging_finish(staging);
    staging->policy = policy_new();
    staging->rules_left = request->rule_count;
    staging->headers_left = request->header_count;
    return staging->policy ? 0 : -ENOMEM;
}

int network_stage(struct network_staging *staging, const struct sandboxd_message *message)
{
    if (message->kind == SANDBOXD_NETWORK_BEGIN)
        return begin(staging, &message->network_begin);
    if (!staging->policy)
        return -EPROTO;
    struct network_policy *policy = staging->policy;
    if (message->kind == SANDBOXD_NETWORK_HEADER) {
        if (staging->headers_left == 0)
            return -EPROTO;
        staging->headers_left--;
        policy->headers[policy->content.header_count++] = message->network_header;
        return 0;
    }
    if (staging->headers_left > 0 || staging->rules_left == 0 ||
        message->network_rule.header > policy->content.header_count)
        return -EPROTO;
    staging->rules_left--;
    policy->rules[policy->content.rule_count++] = message->network_rule;
    return 0;
}

struct network_policy *network_take_staged(struct network_staging *staging)
{
    if (!staging->policy || staging->rules_left > 0 || staging->headers_left > 0)
        return NULL;
    struct network_policy *policy = staging->policy;
    *staging = (struct network_staging){0};
    return policy;
}

void network_staging_finish(struct network_staging *staging)
{
    network_policy_unref(staging->policy);
    *staging = (struct network_staging){0};
}
