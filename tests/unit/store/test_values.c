#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/account.h"
#include "store/arguments.h"
#include "store/layers.h"

static void test_arguments(void **state)
{
    (void)state;
    struct arguments arguments = {0};
    struct id nil = {0};
    struct id id;
    struct digest digest = {{0xab, 0x01}};
    assert_int_equal(id_parse("01975fe0-0000-7000-8000-000000000001", &id), 0);
    argument_number(&arguments, INT64_MIN);
    argument_id(&arguments, &id);
    argument_id(&arguments, &nil);
    argument_id(&arguments, NULL);
    argument_text(&arguments, "'; DROP TABLE accounts");
    argument_digest(&arguments, &digest);
    assert_int_equal(arguments.count, 6);
    assert_string_equal(arguments.values[0], "-9223372036854775808");
    assert_string_equal(arguments.values[1], "01975fe0-0000-7000-8000-000000000001");
    assert_null(arguments.values[2]);
    assert_null(arguments.values[3]);
    assert_string_equal(arguments.values[4], "'; DROP TABLE accounts");
    assert_int_equal(strlen(arguments.values[5]), 2 + 64);
    assert_memory_equal(arguments.values[5], "\\xab01000000", 12);
}

static void test_layers_survive(void **state)
{
    (void)state;
    struct layer_report layers[LAYER_COUNT] = {0};
    struct layer_report again[LAYER_COUNT];
    for (unsigned i = 0; i < LAYER_COUNT; i++)
        layers[i].state = (uint8_t)(i % 3);
    memset(layers[LAYER_ROOT].detail, 'x', sizeof(layers[0].detail) - 1);
    memcpy(layers[LAYER_SECCOMP].detail, "\"quoted\" \xc3\xa4\n", 12);
    char *text = layers_encode(layers);
    assert_non_null(text);
    assert_int_equal(layers_decode(text, again), 0);
    assert_memory_equal(layers, again, sizeof(layers));
    free(text);
}

static void test_layers_of_other_versions(void **state)
{
    (void)state;
    struct layer_report layers[LAYER_COUNT];
    assert_int_equal(
        layers_decode("{\"a layer to come\": 1, \"seccomp\": {\"state\": \"on\", \"detail\": \"\"}}", layers),
        0);
    assert_int_equal(layers[LAYER_SECCOMP].state, LAYER_ON);
    assert_int_equal(layers[LAYER_ROOT].state, LAYER_MISSING);
    static const char *const malformed[] = {"",
                                            "[]",
                                            "{",
                                            "{\"seccomp\": 1}",
                                            "{\"seccomp\": {\"state\": \"so-so\", \"detail\": \"\"}}",
                                            "{\"seccomp\": {\"state\": \"on\"}}"};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(layers_decode(malformed[i], layers), -EIO);
}

static void test_usernames(void **state)
{
    (void)state;
    assert_true(store_username_valid("a"));
    assert_true(store_username_valid("Ada.L-o_v@example.org9"));
    assert_false(store_username_valid(""));
    assert_false(store_username_valid("a b"));
    assert_false(store_username_valid("a\x80"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_layers_survive),
        cmocka_unit_test(test_layers_of_other_versions),
        cmocka_unit_test(test_usernames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
