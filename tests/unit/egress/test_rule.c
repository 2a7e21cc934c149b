// Rules and headers of a policy, as text and as what may be.
#include "tests/unit/egress/cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "lib/egress_rule.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void rules_as_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int kind; // 0: refused
        unsigned prefix, ranges;
    } cases[] = {
        {"example.org", EGRESS_RULE_DOMAIN, 0, 2},
        {"Example.org:443", EGRESS_RULE_DOMAIN, 0, 1},
        {"*.example.org:1-65535", EGRESS_RULE_WILDCARD, 0, 1},
        {"*", EGRESS_RULE_WILDCARD, 0, 2},
        {"*:80,443,8000-8100", EGRESS_RULE_WILDCARD, 0, 3},
        {"192.0.2.1:80", EGRESS_RULE_NETWORK4, 32, 1},
        {"10.0.0.0/8", EGRESS_RULE_NETWORK4, 8, 2},
        {"0.0.0.0/0:443", EGRESS_RULE_NETWORK4, 0, 1},
        {"[2001:db8::]:443", EGRESS_RULE_NETWORK6, 128, 1},
        {"[2001:db8::/32]", EGRESS_RULE_NETWORK6, 32, 2},
        {"a.example:1,2,3,4,5,6,7,8", EGRESS_RULE_DOMAIN, 0, 8},
        {"a.example:1,2,3,4,5,6,7,8,9", 0, 0, 0},
        {"10.0.0.1/8", 0, 0, 0}, // host bits
        {"10.0.0.0/33", 0, 0, 0},
        {"10.0.0.0/08", 0, 0, 0},
        {"10.0.0.0/", 0, 0, 0},
        {"10.0.0/8", 0, 0, 0},
        {"127.1", 0, 0, 0},
        {"*example.org", 0, 0, 0},
        {"a.*.example", 0, 0, 0},
        {"*.", 0, 0, 0},
        {"example.org:", 0, 0, 0},
        {"example.org:0", 0, 0, 0},
        {"example.org:65536", 0, 0, 0},
        {"example.org:2-1", 0, 0, 0},
        {"example.org:80,", 0, 0, 0},
        {"example.org:+80", 0, 0, 0},
        {"example.org: 80", 0, 0, 0},
        {"http://example.org", 0, 0, 0},
        {"[::1", 0, 0, 0},
        {"[::1]x", 0, 0, 0},
        {"[]", 0, 0, 0},
        {"", 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct egress_rule rule = {0};
        int error = egress_rule_parse(cases[i].text, &rule);
        if (error != (cases[i].kind ? 0 : -EINVAL) || rule.kind != cases[i].kind ||
            rule.prefix != cases[i].prefix || rule.range_count != cases[i].ranges)
            fail_msg("%s -> %d, kind %u, prefix %u, %u ranges", cases[i].text, error, rule.kind, rule.prefix,
                     rule.range_count);
    }
}

static void rules_are_written_in_one_way(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written;
    } cases[] = {
        {"EXAMPLE.Org.", "example.org"},
        {"example.org:80,443", "example.org"},
        {"example.org:443,80", "example.org:443,80"},
        {"*:1-1,2-65535", "*:1,2-65535"},
        {"*.Example.org:8080", "*.example.org:8080"},
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"192.0.2.1/32:22", "192.0.2.1:22"},
        {"0.0.0.0/0:443", "0.0.0.0/0:443"},
        {"[2001:DB8:0:0::/32]", "[2001:db8::/32]"},
        {"[::ffff:10.0.0.1]:9", "[::ffff:10.0.0.1]:9"},
        {"[::/0]:1,2,3,4,5,6,7,60000-65535", "[::/0]:1,2,3,4,5,6,7,60000-65535"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct egress_rule rule, again;
        char text[EGRESS_RULE_TEXT_MAX];
        assert_int_equal(egress_rule_parse(cases[i].text, &rule), 0);
        egress_rule_format(&rule, text);
        assert_string_equal(text, cases[i].written);
        assert_int_equal(egress_rule_parse(text, &again), 0);
        assert_memory_equal(&rule, &again, sizeof(rule));
    }
}

static void header_rules(void **state)
{
    (void)state;
    struct egress_rule rule;
    assert_int_equal(egress_rule_parse("example.org", &rule), 0);
    rule.header = 1;
    assert_true(egress_rule_valid(&rule));
    assert_int_equal(egress_rule_parse("example.org:443", &rule), 0);
    rule.header = 1;
    assert_false(egress_rule_valid(&rule)); // can't be done in a tunnel
    assert_int_equal(egress_rule_parse("192.0.2.1:80", &rule), 0);
    rule.header = 1;
    assert_false(egress_rule_valid(&rule));

    static const struct {
        const char *name, *value;
        bool valid;
    } headers[] = {
        {"Authorization", "Bearer x", true},
        {"X-Key", "a\tb", true},
        {"Host", "x", false},
        {"content-length", "3", false},
        {"Transfer-Encoding", "chunked", false},
        {"Proxy-Authorization", "x", false},
        {"Connection", "close", false},
        {"X Key", "x", false},
        {"X:", "x", false},
        {"", "x", false},
        {"X", "", false},
        {"X", "a\r\nHost: b", false},
        {"X", " a", false},
        {"X", "a ", false},
        {"X", "\x80", false},
    };
    for (size_t i = 0; i < COUNT(headers); i++) {
        struct egress_header header = {0};
        strncpy(header.name, headers[i].name, sizeof(header.name) - 1);
        strncpy(header.value, headers[i].value, sizeof(header.value) - 1);
        if (egress_header_valid(&header) != headers[i].valid)
            fail_msg("%s: %s", headers[i].name, headers[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_as_text),
        cmocka_unit_test(rules_are_written_in_one_way),
        cmocka_unit_test(header_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
