// Names, addresses and what a policy says about them.
#include "tests/unit/egress/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "egress/policy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void host_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical; // NULL: refused
    } cases[] = {
        {"example.org", "example.org"},
        {"EXAMPLE.Org.", "example.org"},
        {"a_b.example", "a_b.example"},
        {"XN--Bcher-KVA.example", "xn--bcher-kva.example"},
        {"xn--.example", NULL},
        {"1.example", "1.example"},
        {"example.1a", "example.1a"},
        {"localhost", "localhost"},
        {"", NULL},
        {".", NULL},
        {"example..org", NULL},
        {".example.org", NULL},
        {"example.org..", NULL},
        {"-a.example", NULL},
        {"a-.example", NULL},
        {"a b.example", NULL},
        {"b\xc3\xbc"
         "cher.example",
         NULL},
        {"example.org/", NULL},
        {"example.org\\", NULL},
        {"exa%6dple.org", NULL},
        {"127.1", NULL},
        {"1.2.3.4", NULL},
        {"0x7f000001", NULL},
        {"a.0x", NULL},
        {"2130706433", NULL},
        {"example.123", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[HOSTNAME_SIZE] = "";
        int error = hostname_normalise(cases[i].text, strlen(cases[i].text), name);
        if ((error == 0) != (cases[i].canonical != NULL) ||
            (cases[i].canonical && strcmp(name, cases[i].canonical) != 0))
            fail_msg("%s -> %d %s", cases[i].text, error, name);
    }
    char label[80], name[HOSTNAME_SIZE];
    memset(label, 'a', sizeof(label));
    assert_int_equal(hostname_normalise(label, 63, name), 0);
    assert_int_equal(hostname_normalise(label, 64, name), -EINVAL);
    assert_int_equal(hostname_normalise("a\0b", 3, name), -EINVAL);
    assert_true(hostname_canonical("a.example"));
    assert_false(hostname_canonical("A.example"));
    assert_false(hostname_canonical("a.example."));
}

static void names_below(void **state)
{
    (void)state;
    assert_true(hostname_below("a.example.org", "example.org"));
    assert_true(hostname_below("b.a.example.org", "example.org"));
    assert_true(hostname_below("anything", ""));
    assert_false(hostname_below("example.org", "example.org"));
    assert_false(hostname_below("aexample.org", "example.org"));
    assert_false(hostname_below("example.org.evil", "example.org"));
}

static struct address address(const char *text)
{
    struct address parsed;
    if (!address_parse(text, strlen(text), strchr(text, ':') ? 6 : 4, &parsed))
        fail_msg("%s is no address", text);
    return parsed;
}

static const struct {
    const char *text;
    enum address_class class;
} kinds[] = {
    {"8.8.8.8", ADDRESS_PUBLIC},
    {"1.1.1.1", ADDRESS_PUBLIC},
    {"100.63.255.255", ADDRESS_PUBLIC},
    {"100.128.0.0", ADDRESS_PUBLIC},
    {"172.15.255.255", ADDRESS_PUBLIC},
    {"172.32.0.0", ADDRESS_PUBLIC},
    {"169.253.0.1", ADDRESS_PUBLIC},
    {"0.0.0.0", ADDRESS_UNSPECIFIED},
    {"0.1.2.3", ADDRESS_UNSPECIFIED},
    {"10.0.0.0", ADDRESS_PRIVATE},
    {"10.255.255.255", ADDRESS_PRIVATE},
    {"172.16.0.1", ADDRESS_PRIVATE},
    {"172.31.255.255", ADDRESS_PRIVATE},
    {"192.168.1.1", ADDRESS_PRIVATE},
    {"100.64.0.1", ADDRESS_SHARED},
    {"100.127.255.255", ADDRESS_SHARED},
    {"127.0.0.1", ADDRESS_LOOPBACK},
    {"127.255.255.255", ADDRESS_LOOPBACK},
    {"169.254.0.1", ADDRESS_LINK_LOCAL},
    {"169.254.169.254", ADDRESS_METADATA},
    {"169.254.170.2", ADDRESS_METADATA},
    {"100.100.100.200", ADDRESS_METADATA},
    {"168.63.129.16", ADDRESS_METADATA},
    {"224.0.0.1", ADDRESS_MULTICAST},
    {"239.255.255.255", ADDRESS_MULTICAST},
    {"240.0.0.1", ADDRESS_RESERVED},
    {"255.255.255.255", ADDRESS_RESERVED},
    {"192.0.2.1", ADDRESS_RESERVED},
    {"198.18.0.1", ADDRESS_RESERVED},
    {"198.51.100.1", ADDRESS_RESERVED},
    {"203.0.113.1", ADDRESS_RESERVED},
    {"192.88.99.1", ADDRESS_TRANSITION},
    {"2606:4700::1111", ADDRESS_PUBLIC},
    {"2a00:1450::1", ADDRESS_PUBLIC},
    {"::", ADDRESS_UNSPECIFIED},
    {"::1", ADDRESS_LOOPBACK},
    {"::ffff:8.8.8.8", ADDRESS_TRANSITION},
    {"::8.8.8.8", ADDRESS_TRANSITION},
    {"64:ff9b::808:808", ADDRESS_TRANSITION},
    {"64:ff9b:1::1", ADDRESS_TRANSITION},
    {"2002:808:808::1", ADDRESS_TRANSITION},
    {"2001:0:808:808::1", ADDRESS_TRANSITION},
    {"2001:db8::1", ADDRESS_RESERVED},
    {"2001:20::1", ADDRESS_RESERVED},
    {"3fff::1", ADDRESS_RESERVED},
    {"fc00::1", ADDRESS_PRIVATE},
    {"fd12:3456::1", ADDRESS_PRIVATE},
    {"fd00:ec2::254", ADDRESS_METADATA},
    {"fe80::1", ADDRESS_LINK_LOCAL},
    {"febf::1", ADDRESS_LINK_LOCAL},
    {"fec0::1", ADDRESS_PRIVATE},
    {"ff02::1", ADDRESS_MULTICAST},
    {"4000::1", ADDRESS_RESERVED},
    {"5f00::1", ADDRESS_RESERVED},
    {"100::1", ADDRESS_RESERVED},
};

static void classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct address parsed = address(kinds[i].text);
        enum address_class class = address_classify(&parsed, NULL);
        if (class != kinds[i].class)
            fail_msg("%s is %s", kinds[i].text, address_class_name(class));
    }
}

static void embedded_addresses(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"::ffff:10.1.2.3", "10.1.2.3"},
        {"64:ff9b::10.1.2.3", "10.1.2.3"},
        {"2002:0a01:0203::1", "10.1.2.3"},
        {"2001:0:1:2:3:4:f5fe:fdfc", "10.1.2.3"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address outer = address(cases[i][0]), inner, wanted = address(cases[i][1]);
        assert_true(address_embedded(&outer, &inner));
        assert_true(address_equal(&inner, &wanted));
    }
}

static void authorities(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *canonical; // NULL: refused
    } cases[] = {
        {"example.org:80", "example.org:80"},
        {"EXAMPLE.org.:080", "example.org:80"},
        {"[2001:DB8:0::1]:443", "[2001:db8::1]:443"},
        {"192.0.2.1:1", "192.0.2.1:1"},
        {"192.0.2.01:1", NULL},
        {"example.org", "example.org:0"},
        {"example.org:", NULL},
        {"example.org:0", NULL},
        {"example.org:65536", NULL},
        {"example.org:-1", NULL},
        {"a@example.org:80", NULL},
        {"2001:db8::1:443", NULL},
        {"[2001:db8::1", NULL},
        {"[fe80::1%lo]:80", NULL},
        {"[192.0.2.1]:80", NULL},
        {"[::1]80", NULL},
        {":80", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct authority parsed;
        char text[AUTHORITY_TEXT_SIZE] = "";
        bool fine = authority_parse(cases[i].text, strlen(cases[i].text), &parsed);
        if (fine)
            authority_format(&parsed, text);
        if (fine != (cases[i].canonical != NULL) || (fine && strcmp(text, cases[i].canonical) != 0))
            fail_msg("%s -> %s", cases[i].text, text);
    }
}

static struct policy *policy_of(const char *const *rules)
{
    static struct egress_rule parsed[EGRESS_RULES_MAX];
    struct egress_policy content = {.rules = parsed};
    for (; *rules; rules++)
        assert_int_equal(egress_rule_parse(*rules, &parsed[content.rule_count++]), 0);
    struct policy *policy = policy_new(&content);
    assert_non_null(policy);
    return policy;
}

static void special_addresses_need_their_own_rule(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *address;
        bool own;
        enum refusal refusal;
    } cases[] = {
        {"0.0.0.0/0", "8.8.8.8", false, REFUSAL_NONE},
        {"0.0.0.0/0", "10.1.2.3", false, REFUSAL_ADDRESS},
        {"8.0.0.0/5", "10.1.2.3", false, REFUSAL_ADDRESS},
        {"10.0.0.0/8", "10.1.2.3", false, REFUSAL_NONE},
        {"10.1.2.3", "10.1.2.3", false, REFUSAL_NONE},
        {"169.254.0.0/16", "169.254.1.1", false, REFUSAL_NONE},
        {"169.254.0.0/16", "169.254.169.254", false, REFUSAL_ADDRESS},
        {"169.254.169.254", "169.254.169.254", false, REFUSAL_NONE},
        {"[::/0]", "::1", false, REFUSAL_ADDRESS},
        {"[::/0]", "4000::1", false, REFUSAL_ADDRESS},
        {"[4000::/4]", "4000::1", false, REFUSAL_NONE},
        {"[::ffff:0:0/96]", "::ffff:10.1.2.3", false, REFUSAL_ADDRESS},
        {"[::ffff:0:0/96]", "::ffff:8.8.8.8", false, REFUSAL_NONE},
        {"[64:ff9b::/96]", "64:ff9b::7f00:1", false, REFUSAL_ADDRESS},
        {"0.0.0.0/0", "8.8.8.8", true, REFUSAL_OWN_ADDRESS},
        {"8.8.8.0/24", "8.8.8.8", true, REFUSAL_OWN_ADDRESS},
        {"8.8.8.8", "8.8.8.8", true, REFUSAL_NONE},
        {"10.0.0.0/8:443", "10.1.2.3", false, REFUSAL_PORT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct policy *policy = policy_of((const char *const[]){cases[i].rule, NULL});
        struct authority authority = {.literal = true, .address = address(cases[i].address), .port = 80};
        enum refusal refusal = policy_check_address(policy, &authority, &authority.address, cases[i].own);
        if (refusal != cases[i].refusal)
            fail_msg("%s, %s: %d", cases[i].rule, cases[i].address, refusal);
        policy_free(policy);
    }
}

static void the_closest_rule_gives_the_header(void **state)
{
    (void)state;
    struct egress_rule rules[4];
    struct egress_header headers[2] = {{.name = "A", .value = "1"}, {.name = "B", .value = "2"}};
    assert_int_equal(egress_rule_parse("*", &rules[0]), 0);
    assert_int_equal(egress_rule_parse("*.example.org", &rules[1]), 0);
    assert_int_equal(egress_rule_parse("a.example.org", &rules[2]), 0);
    assert_int_equal(egress_rule_parse("plain.example.org", &rules[3]), 0);
    rules[1].header = 1;
    rules[2].header = 2;
    struct policy *policy = policy_new(&(struct egress_policy){rules, 4, headers, 2});
    struct authority authority = {.name = "a.example.org", .port = 80};
    assert_string_equal(policy_header(policy, &authority)->name, "B");
    snprintf(authority.name, sizeof(authority.name), "%s", "b.example.org");
    assert_string_equal(policy_header(policy, &authority)->name, "A");
    snprintf(authority.name, sizeof(authority.name), "%s", "plain.example.org");
    assert_null(policy_header(policy, &authority));
    snprintf(authority.name, sizeof(authority.name), "%s", "example.net");
    assert_null(policy_header(policy, &authority));
    policy_free(policy);
    rules[0].header = 3;
    assert_null(policy_new(&(struct egress_policy){rules, 1, headers, 2}));
    assert_int_equal(policy_check(NULL, &authority), REFUSAL_NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_names),
        cmocka_unit_test(names_below),
        cmocka_unit_test(classes),
        cmocka_unit_test(embedded_addresses),
        cmocka_unit_test(authorities),
        cmocka_unit_test(special_addresses_need_their_own_rule),
        cmocka_unit_test(the_closest_rule_gives_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
