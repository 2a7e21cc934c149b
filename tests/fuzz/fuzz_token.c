// Whatever comes in an Authorization header. As nothing gets past the signature by chance, an input that starts with '{' is taken as a header
// and, after a line end, a payload, and signed rightly.

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "tests/unit/auth/forge.h"

#define NOW 1750000001

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct token_key key;

static void verify(const char *token, size_t length)
{
    struct token_claims claims = {0};
    int error = token_verify(&key, 1, token, length, NOW, &claims);
    if (!error &&
        (claims.expires_at <= NOW || claims.issued_at < 0 || claims.role >= ROLE_COUNT || length > TOKEN_MAX))
        abort();
}

static void verify_signed(const uint8_t *data, size_t size)
{
    char text[FORGED_MAX / 4];
    if (size >= sizeof(text))
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    char *payload = strchr(text, '\n');
    if (!payload)
        return;
    *payload++ = '\0';
    const char *token = forge(text, payload, key.bytes, key.length);
    verify(token, strlen(token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (key.length == 0 &&
        token_key_init(&key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f") != 0)
        abort();
    if (size > 0 && data[0] == '{')
        verify_signed(data, size);
    else
        verify((const char *)data, size);
    return 0;
}
