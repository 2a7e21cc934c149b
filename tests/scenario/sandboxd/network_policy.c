#include "tests/scenario/sandboxd/network_policy.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>

#include "tests/scenario/sandboxd/outside.h"

void network_policy_send(struct sandboxd_fixture *f, unsigned port, bool keyed, const char *const *rules)
{
    uint32_t count = 0;
    while (rules[count])
        count++;
    struct sandboxd_message message = {.kind = SANDBOXD_NETWORK_BEGIN, .network_begin = {count, keyed}};
    sandboxd_send(f, &message);
    if (keyed) {
        message = (struct sandboxd_message){.kind = SANDBOXD_NETWORK_HEADER,
                                            .network_header = {.name = "X-Key", .value = OUTSIDE_SECRET}};
        sandboxd_send(f, &message);
    }
    for (uint32_t i = 0; i < count; i++) {
        char text[128];
        message = (struct sandboxd_message){.kind = SANDBOXD_NETWORK_RULE};
        snprintf(text, sizeof(text), "%s:%u", rules[i], port);
        assert_int_equal(egress_rule_parse(text, &message.network_rule), 0);
        message.network_rule.header = keyed && i == 0;
        sandboxd_send(f, &message);
    }
}

struct sandboxd_network_set network_policy_set(struct sandboxd_fixture *f, const struct id *sandbox,
                                               uint64_t serial, unsigned port, const char *const *rules)
{
    network_policy_send(f, port, false, rules);
    struct sandboxd_message message = {.kind = SANDBOXD_SET_NETWORK, .set_network = {*sandbox, serial}};
    sandboxd_send(f, &message);
    message = sandboxd_expect(f, SANDBOXD_NETWORK_SET, NULL);
    assert_int_equal(message.network_set.serial, serial);
    return message.network_set;
}

void network_policy_expect_listed(struct sandboxd_fixture *f, unsigned port, bool keyed,
                                  const char *const *rules)
{
    struct sandboxd_message message = {.kind = SANDBOXD_LIST};
    sandboxd_send(f, &message);
    struct sandboxd_entry entry = sandboxd_expect(f, SANDBOXD_ENTRY, NULL).entry;
    assert_int_equal(entry.header_count, keyed);
    if (keyed)
        assert_string_equal(sandboxd_expect(f, SANDBOXD_ENTRY_HEADER, NULL).entry_header.name, "X-Key");
    uint32_t count = 0;
    for (; rules[count]; count++) {
        char text[EGRESS_RULE_TEXT_MAX], wanted[128];
        message = sandboxd_expect(f, SANDBOXD_ENTRY_RULE, NULL);
        egress_rule_format(&message.entry_rule, text);
        snprintf(wanted, sizeof(wanted), "%s:%u", rules[count], port);
        assert_string_equal(text, wanted);
        assert_int_equal(message.entry_rule.header, keyed && count == 0);
    }
    assert_int_equal(entry.rule_count, count);
    sandboxd_expect(f, SANDBOXD_LIST_END, NULL);
}
