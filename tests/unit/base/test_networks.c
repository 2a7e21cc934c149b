#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/networks.h"

static struct in6_addr address_of(const char *text)
{
    struct in6_addr address;
    assert_int_equal(network_address_parse(text, strlen(text), &address), 0);
    return address;
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"127.0.0.1", "127.0.0.1"},         {"::ffff:10.1.2.3", "10.1.2.3"}, {"::", "::"},
        {"2001:DB8:0:0::1", "2001:db8::1"}, {"0.0.0.0", "0.0.0.0"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct in6_addr address = address_of(good[i][0]);
        char text[INET6_ADDRSTRLEN];
        network_address_format(&address, text);
        assert_string_equal(text, good[i][1]);
    }
    static const char *const bad[] = {"",
                                      "1.2.3",
                                      "1.2.3.4:80",
                                      "[::1]",
                                      "fe80::1%eth0",
                                      " 1.2.3.4",
                                      "1.2.3.4 ",
                                      "01.2.3.4",
                                      "1.2.3.256",
                                      "unknown",
                                      "_x",
                                      "::1::",
                                      "0x7f.1",
                                      "2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0001"};
    struct in6_addr address;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(network_address_parse(bad[i], strlen(bad[i]), &address), -EINVAL);
    assert_int_equal(network_address_parse("1.2.3.4\0x", 9, &address), -EINVAL);
}

static void test_lists(void **state)
{
    (void)state;
    struct networks networks;
    assert_int_equal(networks_parse("  127.0.0.1,10.0.0.0/8 2001:db8::/33 , ::1", &networks), 0);
    assert_int_equal(networks.count, 4);
    static const struct {
        const char *address;
        bool inside;
    } cases[] = {
        {"127.0.0.1", true}, {"127.0.0.2", false},      {"10.255.0.1", true},       {"::ffff:10.0.0.1", true},
        {"11.0.0.1", false}, {"2001:db8:7fff::", true}, {"2001:db8:8000::", false}, {"::1", true},
        {"::2", false},      {"::7f00:1", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct in6_addr address = address_of(cases[i].address);
        assert_int_equal(networks_contain(&networks, &address), cases[i].inside);
    }
    assert_int_equal(networks_parse("", &networks), 0);
    struct in6_addr any = address_of("0.0.0.0");
    assert_false(networks_contain(&networks, &any));
    assert_int_equal(networks_parse("0.0.0.0/0", &networks), 0);
    assert_true(networks_contain(&networks, &any));
    any = address_of("2001:db8::1");
    assert_false(networks_contain(&networks, &any));
    assert_int_equal(networks_parse("::/0", &networks), 0);
    assert_true(networks_contain(&networks, &any));
}

static void test_wrong_lists(void **state)
{
    (void)state;
    static const char *const bad[] = {"10.0.0.0/33",    "10.0.0.1/8",     "10.0.0.0/",
                                      "10.0.0.0/-1",    "10.0.0.0/08x",   "/8",
                                      "2001:db8::/129", "2001:db8::1/64", "localhost",
                                      "10.0.0.0/8;::1", "10.0.0.0/1000",  "::ffff:10.0.0.0/8"};
    struct networks networks = {.count = 7};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(networks_parse(bad[i], &networks), -EINVAL);
    char many[NETWORKS_MAX * 8 + 9] = "";
    for (unsigned i = 0; i <= NETWORKS_MAX; i++) {
        assert_int_equal(networks.count, 7); // untouched on failure
        size_t length = strlen(many);
        snprintf(many + length, sizeof(many) - length, "::1 ");
    }
    assert_int_equal(networks_parse(many, &networks), -EINVAL);
    many[strlen(many) - 4] = '\0';
    assert_int_equal(networks_parse(many, &networks), 0);
    assert_int_equal(networks.count, NETWORKS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_wrong_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
