#include "auth/opaque_token.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(OPAQUE_TOKEN_TEXT_SIZE == sodium_base64_ENCODED_LEN(OPAQUE_TOKEN_BYTES, VARIANT), "text size");
_Static_assert(DIGEST_SIZE == crypto_hash_sha256_BYTES && DIGEST_SIZE == crypto_auth_hmacsha256_KEYBYTES,
               "digest size");

// sodium_base642bin refuses padding, unknown characters and set bits beyond the last byte: a token has one
// text only.
static int decode(const char *text, uint8_t ret_bytes[static OPAQUE_TOKEN_BYTES])
{
    size_t length = strnlen(text, OPAQUE_TOKEN_TEXT_SIZE);
    size_t decoded;
    if (length != OPAQUE_TOKEN_TEXT_SIZE - 1 ||
        sodium_base642bin(ret_bytes, OPAQUE_TOKEN_BYTES, text, length, NULL, &decoded, NULL, VARIANT) != 0 ||
        decoded != OPAQUE_TOKEN_BYTES)
        return -EINVAL;
    return 0;
}

static struct opaque_token encode(uint8_t bytes[static OPAQUE_TOKEN_BYTES])
{
    struct opaque_token token;
    sodium_bin2base64(token.text, sizeof(token.text), bytes, OPAQUE_TOKEN_BYTES, VARIANT);
    sodium_memzero(bytes, OPAQUE_TOKEN_BYTES);
    return token;
}

struct opaque_token opaque_token_new(void)
{
    uint8_t bytes[OPAQUE_TOKEN_BYTES];
    randombytes_buf(bytes, sizeof(bytes));
    return encode(bytes);
}

int opaque_token_digest(const char *text, struct digest *ret_digest)
{
    uint8_t bytes[OPAQUE_TOKEN_BYTES];
    int error = decode(text, bytes);
    if (error)
        return error;
    crypto_hash_sha256(ret_digest->bytes, bytes, sizeof(bytes));
    sodium_memzero(bytes, sizeof(bytes));
    return 0;
}

int opaque_token_successor(const struct successor_key *key, const char *old, struct opaque_token *ret_token)
{
    uint8_t bytes[OPAQUE_TOKEN_BYTES];
    int error = decode(old, bytes);
    if (error)
        return error;
    uint8_t successor[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256(successor, bytes, sizeof(bytes), key->bytes);
    sodium_memzero(bytes, sizeof(bytes));
    *ret_token = encode(successor);
    return 0;
}

void opaque_token_wipe(struct opaque_token *token)
{
    sodium_memzero(token, sizeof(*token));
}
