#include "forge.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

static char forged[FORGED_MAX];

static size_t signing_input(const char *header, const char *payload)
{
    sodium_bin2base64(forged, sizeof(forged), (const unsigned char *)header, strlen(header), VARIANT);
    size_t length = strlen(forged);
    forged[length++] = '.';
    sodium_bin2base64(forged + length, sizeof(forged) - length, (const unsigned char *)payload,
                      strlen(payload), VARIANT);
    return strlen(forged);
}

const char *forge(const char *header, const char *payload, const void *key, size_t key_length)
{
    size_t length = signing_input(header, payload);
    crypto_auth_hmacsha256_state state;
    unsigned char signature[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_init(&state, key, key_length);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)forged, length);
    crypto_auth_hmacsha256_final(&state, signature);
    forged[length++] = '.';
    sodium_bin2base64(forged + length, sizeof(forged) - length, signature, sizeof(signature), VARIANT);
    return forged;
}

const char *forge_signature(const char *header, const char *payload, const char *signature)
{
    size_t length = signing_input(header, payload);
    snprintf(forged + length, sizeof(forged) - length, ".%s", signature);
    return forged;
}
