#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "auth/token.h"

static const char successor_purpose[] = "sandbox-server refresh token successor v1";

static bool is_varied(const uint8_t *bytes, size_t length)
{
    bool seen[256] = {false};
    unsigned variety = 0;
    for (size_t i = 0; i < length; i++) {
        variety += !seen[bytes[i]];
        seen[bytes[i]] = true;
    }
    return variety >= TOKEN_KEY_VARIETY;
}

static void set_key_id(struct token_key *key)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, key->bytes, key->length);
    sodium_bin2hex(key->id, sizeof(key->id), hash, (sizeof(key->id) - 1) / 2);
}

int token_key_init(struct token_key *key, const char *hexadecimal)
{
    struct token_key made = {0};
    const char *end;
    int failed = sodium_hex2bin(made.bytes, sizeof(made.bytes), hexadecimal, strlen(hexadecimal), NULL,
                                &made.length, &end);
    int error = 0;
    if (failed || *end != '\0' || made.length < TOKEN_KEY_MIN)
        error = -EINVAL;
    else if (!is_varied(made.bytes, made.length))
        error = -EKEYREJECTED;
    if (!error) {
        set_key_id(&made);
        *key = made;
    }
    token_key_finish(&made);
    return error;
}

void token_key_finish(struct token_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

void token_key_successor(const struct token_key *key, struct successor_key *ret_key)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key->bytes, key->length);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)successor_purpose, sizeof(successor_purpose) - 1);
    crypto_auth_hmacsha256_final(&state, ret_key->bytes);
    sodium_memzero(&state, sizeof(state));
}
