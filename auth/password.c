#include "auth/password.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/limits.h"

#define HASH_BYTES 32
#define KIB_MAX (1u << 20) // no hash of ours costs more

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

// What crypto_pwhash_str makes: salt and hash of one length each, one lane.
struct parts {
    unsigned kib, passes;
    unsigned char salt[crypto_pwhash_SALTBYTES];
    unsigned char hash[HASH_BYTES];
};

static bool read_base64(const char *text, unsigned char *bytes, size_t size)
{
    size_t length;
    return sodium_base642bin(bytes, size, text, strlen(text), NULL, &length, NULL,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           length == size;
}

static bool read_parts(const char *text, struct parts *ret_parts)
{
    char salt[23], hash[44];
    int end = 0;
    struct parts parts;
    if (sscanf(text, "$argon2id$v=19$m=%7u,t=%2u,p=1$%22[A-Za-z0-9+/]$%43[A-Za-z0-9+/]%n", &parts.kib,
               &parts.passes, salt, hash, &end) != 4 ||
        text[end] != '\0' || !read_base64(salt, parts.salt, sizeof(parts.salt)) ||
        !read_base64(hash, parts.hash, sizeof(parts.hash)))
        return false;
    *ret_parts = parts;
    return parts.kib >= crypto_pwhash_MEMLIMIT_MIN / 1024 && parts.kib <= KIB_MAX && parts.passes > 0;
}

int password_verify(const struct password_hash *hash, const char *password, size_t length)
{
    // The length is the caller's own request: refusing it early tells nothing about the account.
    if (length > PASSWORD_MAX)
        return -EACCES;
    if (sodium_init() < 0)
        return -ENOMEM;
    // crypto_pwhash_str_verify calls a want of memory a wrong password.
    struct parts parts;
    unsigned char computed[HASH_BYTES];
    if (!read_parts(hash ? hash->text : nobodys_hash, &parts))
        return -EACCES;
    if (crypto_pwhash(computed, sizeof(computed), password, length, parts.salt, parts.passes,
                      (size_t)parts.kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return -ENOMEM;
    bool differs = sodium_memcmp(computed, parts.hash, sizeof(computed)) != 0;
    sodium_memzero(computed, sizeof(computed));
    return differs || !hash ? -EACCES : 0;
}
