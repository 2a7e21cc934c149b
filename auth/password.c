#include "auth/password.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "lib/limits.h"

_Static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "hash size");

// A hash that no password is known for: sign-ins of unknown users are verified against it, so that they cost
// what others cost. It must have the cost that password_hash gives; a test compares them.
static const char nobodys_hash[PASSWORD_HASH_SIZE] =
    "$argon2id$v=19$m=65536,t=2,p=1$bm9ib2R5JXMgcGFzc3dvcg$NpZHlgN0CjcbG7tyqbQ5F7cHzZuBG1h5A6mRD0GkWbA";

int password_check(const char *password, size_t length)
{
    if (length < PASSWORD_MIN || length > PASSWORD_MAX)
        return -ERANGE;
    return memchr(password, '\0', length) ? -EILSEQ : 0;
}

int password_hash(const char *password, size_t length, struct password_hash *ret_hash)
{
    if (length > PASSWORD_MAX)
        return -ERANGE;
    struct password_hash hash;
    // Fails only for want of memory.
    if (sodium_init() < 0 ||
        crypto_pwhash_str_alg(hash.text, password, length, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return -ENOMEM;
    *ret_hash = hash;
    return 0;
}

int password_verify(const struct password_hash *hash, const char *password, size_t length)
{
    // The length is the caller's own request: refusing it early tells nothing about the account.
    if (length > PASSWORD_MAX)
        return -EACCES;
    if (sodium_init() < 0)
        return -ENOMEM;
    errno = 0;
    int differs = crypto_pwhash_str_verify(hash ? hash->text : nobodys_hash, password, length);
    if (differs && errno == ENOMEM)
        return -ENOMEM;
    return differs || !hash ? -EACCES : 0;
}
