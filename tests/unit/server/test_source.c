#include "cmocka_all.h"

#include <string.h>

#include "server/source.h"

static void expect(const char *trusted, const char *peer, const char *forwarded, const char *expected)
{
    struct networks networks;
    struct in6_addr address;
    char text[SOURCE_TEXT_SIZE];
    assert_int_equal(networks_parse(trusted, &networks), 0);
    assert_int_equal(network_address_parse(peer, strlen(peer), &address), 0);
    struct in6_addr source = source_find(&networks, &address, forwarded);
    network_address_format(&source, text);
    assert_string_equal(text, expected);
}

static void test_strangers_are_not_believed(void **state)
{
    (void)state;
    expect("", "127.0.0.1", "9.9.9.9", "127.0.0.1");
    expect("10.0.0.0/8", "192.0.2.1", "9.9.9.9", "192.0.2.1");
    expect("10.0.0.0/8", "2001:db8::1", "10.0.0.1", "2001:db8::1");
}

static void test_the_nearest_stranger_is_the_source(void **state)
{
    (void)state;
    expect("127.0.0.1", "127.0.0.1", "192.0.2.1", "192.0.2.1");
    expect("127.0.0.1", "127.0.0.1", "1.1.1.1, 192.0.2.1", "192.0.2.1");
    expect("127.0.0.1 10.0.0.0/8", "127.0.0.1", "1.1.1.1,192.0.2.1 ,\t10.1.1.1", "192.0.2.1");
    expect("127.0.0.1 10.0.0.0/8", "::ffff:127.0.0.1", "2001:db8::7", "2001:db8::7");
    expect("127.0.0.1 10.0.0.0/8", "127.0.0.1", "10.0.0.5", "10.0.0.5"); // a client inside
}

static void test_what_is_no_address_gives_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",          "unknown",     ",",          "192.0.2.1,", "192.0.2.1:443", "[2001:db8::1]",
        "1.2.3.4 5", "192.0.2.1;x", "127.0.0.1.", "fe80::1%lo", "\"192.0.2.1\""};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        expect("127.0.0.1", "127.0.0.1", wrong[i], "127.0.0.1");
    // Behind a proxy that is trusted, its own address stands for what can't be read.
    expect("127.0.0.1 10.0.0.0/8", "127.0.0.1", "junk, 10.1.1.1", "10.1.1.1");
}

static void test_hops_are_bounded(void **state)
{
    (void)state;
    char many[200 * 10 + 1] = "";
    for (int i = 0; i < 200; i++)
        memcpy(many + strlen(many), "127.0.0.1,", 11);
    many[strlen(many) - 1] = '\0';
    expect("127.0.0.1", "127.0.0.1", many, "127.0.0.1");
}

static void expect_key(const char *address, const char *expected)
{
    struct in6_addr parsed;
    char key[SOURCE_TEXT_SIZE];
    assert_int_equal(network_address_parse(address, strlen(address), &parsed), 0);
    source_key(&parsed, key);
    assert_string_equal(key, expected);
}

static void test_keys(void **state)
{
    (void)state;
    expect_key("192.0.2.1", "192.0.2.1");
    expect_key("::ffff:192.0.2.1", "192.0.2.1");
    expect_key("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
    expect_key("2001:db8:1:2::", "2001:db8:1:2::");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strangers_are_not_believed),
        cmocka_unit_test(test_the_nearest_stranger_is_the_source),
        cmocka_unit_test(test_what_is_no_address_gives_nothing),
        cmocka_unit_test(test_hops_are_bounded),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
