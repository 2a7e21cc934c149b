// A rule as an operator writes it, and the destination of a request.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "egress/policy.h"
#include "lib/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct egress_rule rule;
    struct authority authority, again;
    char text[AUTHORITY_TEXT_SIZE];
    AUTO_FREE char *string = strndup((const char *)data, size);
    if (!string)
        return 0;
    if (egress_rule_parse(string, &rule) == 0) {
        struct egress_rule same;
        char written[EGRESS_RULE_TEXT_MAX];
        egress_rule_format(&rule, written);
        if (egress_rule_parse(written, &same) < 0 || memcmp(&rule, &same, sizeof(rule)) != 0)
            abort();
        struct policy *policy = policy_new(&(struct egress_policy){.rules = &rule, .rule_count = 1});
        struct address loopback = {4, {127, 0, 0, 1}};
        struct authority name = {.name = "a.example", .port = 80};
        // No rule for names opens this machine.
        if (policy && policy_check_address(policy, &name, &loopback, true) == REFUSAL_NONE)
            abort();
        policy_free(policy);
    }
    if (authority_parse((const char *)data, size, &authority) && authority.port) {
        authority_format(&authority, text);
        if (!authority_parse(text, strlen(text), &again) || !authority_equal(&authority, &again))
            abort();
    }
    return 0;
}
