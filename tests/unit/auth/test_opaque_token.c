#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "auth/opaque_token.h"

// 32 zero bytes
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void test_tokens_differ(void **state)
{
    (void)state;
    struct opaque_token a = opaque_token_new();
    struct opaque_token b = opaque_token_new();
    struct digest digest_a, digest_b;
    assert_int_equal(strlen(a.text), OPAQUE_TOKEN_TEXT_SIZE - 1);
    assert_string_not_equal(a.text, b.text);
    assert_int_equal(opaque_token_digest(a.text, &digest_a), 0);
    assert_int_equal(opaque_token_digest(b.text, &digest_b), 0);
    assert_memory_not_equal(digest_a.bytes, digest_b.bytes, DIGEST_SIZE);
}

static void test_the_digest_is_sha256_of_the_bytes(void **state)
{
    (void)state;
    static const uint8_t expected[4] = {0x66, 0x68, 0x7a, 0xad}; // SHA-256 of 32 zero bytes
    struct digest digest;
    assert_int_equal(opaque_token_digest(ZEROS, &digest), 0);
    assert_memory_equal(digest.bytes, expected, sizeof(expected));
}

static void test_only_one_text_per_token(void **state)
{
    (void)state;
    static const char *const malformed[] = {
        "",
        "A",
        ZEROS "A",
        ZEROS "=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", // bits beyond the last byte
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+",
        "AAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    };
    struct digest digest;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(opaque_token_digest(malformed[i], &digest), -EINVAL);
}

static void test_successors(void **state)
{
    (void)state;
    struct successor_key key = {{1}};
    struct successor_key other = {{2}};
    struct opaque_token first, again, foreign;
    assert_int_equal(opaque_token_successor(&key, ZEROS, &first), 0);
    assert_int_equal(opaque_token_successor(&key, ZEROS, &again), 0);
    assert_int_equal(opaque_token_successor(&other, ZEROS, &foreign), 0);
    assert_string_equal(first.text, again.text);
    assert_string_not_equal(first.text, foreign.text);
    assert_string_not_equal(first.text, ZEROS);
    assert_int_equal(opaque_token_successor(&key, "short", &again), -EINVAL);
    assert_string_equal(first.text, again.text);
    opaque_token_wipe(&again);
    assert_int_equal(again.text[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_differ),
        cmocka_unit_test(test_the_digest_is_sha256_of_the_bytes),
        cmocka_unit_test(test_only_one_text_per_token),
        cmocka_unit_test(test_successors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
