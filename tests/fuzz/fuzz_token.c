// Whatever comes in an Authorization header. Most inputs end at the form or the signature; what holds for all
// of them is that nothing verifies but the one seed that is signed with this key.

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "auth/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct token_key key;
    if (key.length == 0 &&
        token_key_init(&key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f") != 0)
        abort();
    struct token_claims claims = {0};
    int error = token_verify(&key, 1, (const char *)data, size, 1750000001, &claims);
    if (!error && (claims.expires_at != 1750000900 || claims.role != ROLE_ADMIN))
        abort();
    return 0;
}
