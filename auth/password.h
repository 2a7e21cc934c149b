#pragma once
// Passwords: Argon2id with libsodium's INTERACTIVE cost (64 MiB, about 0.2 s of one core). Callers bound how
// many run at once. All functions are thread-safe.

#include <stddef.h>

#define PASSWORD_HASH_SIZE 128 // crypto_pwhash_STRBYTES, NUL included

struct password_hash {
    char text[PASSWORD_HASH_SIZE]; // "$argon2id$..."
};

// 0, or what is wrong with a password that someone wants to set: -ERANGE shorter than PASSWORD_MIN or longer
// than PASSWORD_MAX bytes, -EILSEQ it holds a NUL. Existing passwords are not judged again at sign-in.
int password_check(const char *password, size_t length);

// 0, -ERANGE when longer than PASSWORD_MAX, -ENOMEM.
int password_hash(const char *password, size_t length, struct password_hash *ret_hash);

// 0 when it fits, -EACCES when it does not, -ENOMEM. With hash NULL (no such account) it takes the same time
// and gives -EACCES.
int password_verify(const struct password_hash *hash, const char *password, size_t length);
