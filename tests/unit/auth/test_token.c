#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "forge.h"

#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER_SECRET "f0e1d2c3b4a5968778695a4b3c2d1e0ff1e2d3c4b5a69788796a5b4c3d2e1f00"
#define NOW 1750000000
#define ACCOUNT "01975fe0-0000-7000-8000-000000000001"
#define SIGN_IN "01975fe0-0000-7000-8000-000000000002"
#define TOKEN "01975fe0-0000-7000-8000-000000000003"
#define KID "630dcd29" // the first digits of SHA-256 of SECRET's bytes
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"" KID "\"}"
#define IDS "\"sub\":\"" ACCOUNT "\",\"sid\":\"" SIGN_IN "\",\"jti\":\"" TOKEN "\""
#define USE "\"token_use\":\"access\""
#define PARTIES "\"iss\":\"sandbox-server\",\"aud\":\"sandbox-server-api\"," USE
#define TIMES "\"iat\":1750000000,\"nbf\":1750000000,\"exp\":1750000900"
#define PAYLOAD "{" PARTIES "," IDS "," TIMES ",\"role\":\"user\"}"

static struct token_key key;

static int set_up(void **state)
{
    (void)state;
    return token_key_init(&key, SECRET);
}

static int verify_at(const char *token, int64_t now)
{
    struct token_claims claims;
    return token_verify(&key, 1, token, strlen(token), now, &claims);
}

static int verify(const char *token)
{
    return verify_at(token, NOW + 1);
}

static int verify_forged(const char *header, const char *payload)
{
    return verify(forge(header, payload, key.bytes, key.length));
}

static struct token_claims some_claims(void)
{
    struct token_claims claims = {.role = ROLE_ADMIN, .issued_at = NOW, .expires_at = NOW + 900};
    assert_int_equal(id_parse(ACCOUNT, &claims.account), 0);
    assert_int_equal(id_parse(SIGN_IN, &claims.sign_in), 0);
    assert_int_equal(id_parse(TOKEN, &claims.token), 0);
    return claims;
}

static const char *issued(void)
{
    static char token[TOKEN_MAX + 1];
    struct token_claims claims = some_claims();
    assert_int_equal(token_issue(&key, &claims, token), 0);
    return token;
}

static void test_what_is_issued_verifies(void **state)
{
    (void)state;
    struct token_claims expected = some_claims();
    struct token_claims claims;
    const char *token = issued();
    assert_int_equal(token_verify(&key, 1, token, strlen(token), NOW, &claims), 0);
    assert_true(id_equal(&claims.account, &expected.account));
    assert_true(id_equal(&claims.sign_in, &expected.sign_in));
    assert_true(id_equal(&claims.token, &expected.token));
    assert_int_equal(claims.role, ROLE_ADMIN);
    assert_int_equal(claims.issued_at, NOW);
    assert_int_equal(claims.expires_at, NOW + 900);
}

// The base of all tests below: what they change is the reason for their refusal.
static void test_the_forged_base_verifies(void **state)
{
    (void)state;
    assert_int_equal(verify_forged(HEADER, PAYLOAD), 0);
}

static void test_times(void **state)
{
    (void)state;
    const char *token = issued();
    assert_int_equal(verify_at(token, NOW + 899), 0);
    assert_int_equal(verify_at(token, NOW + 900), -EKEYEXPIRED);
    assert_int_equal(verify_at(token, NOW - TOKEN_LEEWAY_SECONDS), 0);
    assert_int_equal(verify_at(token, NOW - TOKEN_LEEWAY_SECONDS - 1), -EKEYREJECTED);
}

static void test_other_algorithms_are_refused(void **state)
{
    (void)state;
    static const char *const algorithms[] = {"none",  "None",  "hs256", "Hs256", "HS384",
                                             "HS512", "RS256", "ES256", "EdDSA", ""};
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        char header[128];
        snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"" KID "\"}",
                 algorithms[i]);
        assert_int_equal(verify_forged(header, PAYLOAD), -EBADMSG);
        assert_int_equal(verify(forge_signature(header, PAYLOAD, "")), -EBADMSG);
        assert_int_equal(verify(forge_signature(header, PAYLOAD, "AAAA")), -EBADMSG);
    }
}

// A verifier that hands its public key to libjwt takes an HS256 token that anyone signed with that text.
static void test_a_public_key_is_no_secret(void **state)
{
    (void)state;
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\n"
                              "q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n"
                              "-----END PUBLIC KEY-----\n";
    assert_int_equal(verify(forge(HEADER, PAYLOAD, pem, strlen(pem))), -EBADMSG);
    assert_int_equal(verify(forge(HEADER, PAYLOAD, "", 0)), -EBADMSG);
}

static void test_the_signature_counts(void **state)
{
    (void)state;
    char token[TOKEN_MAX + 1];
    snprintf(token, sizeof(token), "%s", issued());
    size_t length = strlen(token);
    for (size_t i = 0; i < length; i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify(token), 0);
        token[i] = kept;
    }
    assert_int_equal(verify(token), 0);
}

static void test_truncated(void **state)
{
    (void)state;
    const char *token = issued();
    struct token_claims claims;
    for (size_t length = 0; length < strlen(token); length++) {
        // A copy of its exact size, so that reading beyond it shows under AddressSanitizer.
        char *part = malloc(length ? length : 1);
        assert_non_null(part);
        memcpy(part, token, length);
        assert_int_equal(token_verify(&key, 1, part, length, NOW, &claims), -EBADMSG);
        free(part);
    }
}

static void test_segments(void **state)
{
    (void)state;
    char token[2 * TOKEN_MAX];
    static const char *const formats[] = {"%s.", ".%s", "%s.AAAA", "%s.e30.AAAA",
                                          "%s=", " %s", "%s\n",    "%s "};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(token, sizeof(token), formats[i], issued());
#pragma GCC diagnostic pop
        assert_int_equal(verify(token), -EBADMSG);
    }
    static const char *const malformed[] = {"",    ".",     "..",       "...",          "a",
                                            "a.b", "a.b.c", "e30.e30.", "e30.e30.AAAA", "W10.W10.AAAA"};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(verify(malformed[i]), -EBADMSG);
}

static void test_the_length_is_bounded(void **state)
{
    (void)state;
    char payload[FORGED_MAX / 2];
    snprintf(payload, sizeof(payload), "{%s,\"x\":\"%02000d\"}", PARTIES, 0);
    const char *token = forge(HEADER, payload, key.bytes, key.length);
    assert_true(strlen(token) > TOKEN_MAX);
    assert_int_equal(verify(token), -EBADMSG);
}

static void test_duplicate_members_are_refused(void **state)
{
    (void)state;
    assert_int_equal(
        verify_forged("{\"alg\":\"HS256\",\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"" KID "\"}", PAYLOAD),
        -EBADMSG);
    assert_int_equal(
        verify_forged("{\"alg\":\"none\",\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"" KID "\"}", PAYLOAD),
        -EBADMSG);
    assert_int_equal(
        verify_forged(HEADER, "{" PARTIES "," IDS "," TIMES ",\"role\":\"user\",\"role\":\"admin\"}"),
        -EBADMSG);
    assert_int_equal(
        verify_forged(HEADER, "{" PARTIES "," IDS "," TIMES ",\"exp\":9999999999,\"role\":\"user\"}"),
        -EBADMSG);
}

static void test_the_key_id(void **state)
{
    (void)state;
    assert_string_equal(key.id, KID);
    assert_int_equal(verify_forged("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"00000000\"}", PAYLOAD),
                     -EBADMSG);
    assert_int_equal(verify_forged("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":1}", PAYLOAD), -EBADMSG);
    assert_int_equal(verify_forged("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"" KID "\\u0000\"}", PAYLOAD),
                     -EBADMSG);
    assert_int_equal(verify_forged("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", PAYLOAD), -EBADMSG);
}

static void test_the_header_says_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(
        verify_forged("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"" KID "\",\"crit\":[\"exp\"]}", PAYLOAD),
        -EBADMSG);
    assert_int_equal(
        verify_forged("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"" KID "\",\"jwk\":{}}", PAYLOAD),
        -EBADMSG);
    assert_int_equal(verify_forged("{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\"}", PAYLOAD),
                     -EKEYREJECTED);
    assert_int_equal(verify_forged("{\"alg\":\"HS256\",\"typ\":\"jwt\",\"kid\":\"" KID "\"}", PAYLOAD),
                     -EKEYREJECTED);
}

static void test_claims(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        "{}",
        "{\"iss\":\"other\",\"aud\":\"sandbox-server-api\"," USE "," IDS "," TIMES ",\"role\":\"user\"}",
        "{\"iss\":\"sandbox-server\",\"aud\":\"other\"," USE "," IDS "," TIMES ",\"role\":\"user\"}",
        "{\"iss\":\"sandbox-server\",\"aud\":[\"sandbox-server-api\"]," USE "," IDS "," TIMES
        ",\"role\":\"user\"}",
        "{\"aud\":\"sandbox-server-api\"," USE "," IDS "," TIMES ",\"role\":\"user\"}",
        "{\"iss\":\"sandbox-server\",\"aud\":\"sandbox-server-api\",\"token_use\":\"id\"," IDS "," TIMES
        ",\"role\":\"user\"}",
        "{\"iss\":\"sandbox-server\",\"aud\":\"sandbox-server-api\",\"x\":\"access\"," IDS "," TIMES
        ",\"role\":\"user\"}",
        "{" PARTIES "," IDS "," TIMES ",\"role\":\"root\"}",
        "{" PARTIES "," IDS "," TIMES ",\"role\":null}",
        "{" PARTIES "," IDS "," TIMES "}",
        "{" PARTIES "," IDS "," TIMES ",\"role\":\"user\",\"scope\":\"all\"}",
        "{" PARTIES ",\"sub\":\"admin\",\"sid\":\"" SIGN_IN "\",\"jti\":\"" TOKEN "\"," TIMES
        ",\"role\":\"user\"}",
        "{" PARTIES "," IDS
        ",\"iat\":1750000000,\"nbf\":1750000000,\"exp\":\"1750000900\",\"role\":\"user\"}",
        "{" PARTIES "," IDS ",\"iat\":1750000000,\"nbf\":1750000000,\"exp\":1750000900.5,\"role\":\"user\"}",
        "{" PARTIES "," IDS ",\"iat\":1750000000,\"nbf\":1750000000,\"exp\":null,\"role\":\"user\"}",
        "{" PARTIES "," IDS ",\"iat\":1750000000,\"nbf\":1750000000,\"role\":\"user\"}",
        "{" PARTIES "," IDS ",\"iat\":-1,\"nbf\":1750000000,\"exp\":1750000900,\"role\":\"user\"}",
        "{" PARTIES "," IDS
        ",\"iat\":1750000000,\"nbf\":9223372036854775807,\"exp\":1750000900,\"role\":\"user\"}",
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        assert_int_equal(verify_forged(HEADER, payloads[i]), -EKEYREJECTED);
}

static void test_a_second_key_may_stay_valid(void **state)
{
    (void)state;
    struct token_key keys[2];
    assert_int_equal(token_key_init(&keys[0], OTHER_SECRET), 0);
    keys[1] = key;
    const char *token = issued();
    struct token_claims claims;
    assert_int_equal(token_verify(keys, 2, token, strlen(token), NOW, &claims), 0);
    assert_int_equal(token_verify(keys, 1, token, strlen(token), NOW, &claims), -EBADMSG);
    assert_int_equal(token_verify(keys, 0, token, strlen(token), NOW, &claims), -EBADMSG);
}

static void test_weak_keys_are_refused(void **state)
{
    (void)state;
    struct token_key made;
    static const char *const malformed[] = {
        "",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e", // 31 bytes
        SECRET "2",                                                       // odd
        SECRET "zz",
        SECRET " ",
        SECRET SECRET SECRET SECRET "00",
    };
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(token_key_init(&made, malformed[i]), -EINVAL);
    char zeros[65];
    memset(zeros, '0', 64);
    zeros[64] = '\0';
    assert_int_equal(token_key_init(&made, zeros), -EKEYREJECTED);
}

static void test_the_successor_key_is_another_one(void **state)
{
    (void)state;
    struct successor_key derived;
    token_key_successor(&key, &derived);
    assert_memory_not_equal(derived.bytes, key.bytes, sizeof(derived.bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_issued_verifies),
        cmocka_unit_test(test_the_forged_base_verifies),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_other_algorithms_are_refused),
        cmocka_unit_test(test_a_public_key_is_no_secret),
        cmocka_unit_test(test_the_signature_counts),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_the_length_is_bounded),
        cmocka_unit_test(test_duplicate_members_are_refused),
        cmocka_unit_test(test_the_key_id),
        cmocka_unit_test(test_the_header_says_nothing_else),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_a_second_key_may_stay_valid),
        cmocka_unit_test(test_weak_keys_are_refused),
        cmocka_unit_test(test_the_successor_key_is_another_one),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
