#pragma once
// Access tokens: JWT (RFC 7519), HS256 and nothing else. libjwt issues them and never
// sees what comes from outside: its decoder follows the header's algorithm, checks no times and takes the
// last of duplicate claims.
//
// Functions are thread-safe: keys are only read.

#include <stddef.h>
#include <stdint.h>

#include "auth/opaque_token.h"
#include "lib/ids.h"

#define TOKEN_ISSUER "sandbox-server"
#define TOKEN_AUDIENCE "sandbox-server-api"
#define TOKEN_MAX 2048 // bytes of an encoded token, the NUL not counted
#define TOKEN_KEY_MIN 32
#define TOKEN_KEY_MAX 128
#define TOKEN_KEY_VARIETY 16   // 32 random bytes have fewer different values about once in 10^12 keys
#define TOKEN_LEEWAY_SECONDS 5 // by which the clocks of two nodes may differ, for nbf
#define TOKEN_KEY_ID_SIZE 9    // 8 hexadecimal digits and the NUL

enum role { ROLE_USER, ROLE_ADMIN, ROLE_COUNT };

struct token_key {
    uint8_t bytes[TOKEN_KEY_MAX];
    size_t length;              // TOKEN_KEY_MIN .. TOKEN_KEY_MAX
    char id[TOKEN_KEY_ID_SIZE]; // "kid": the first digits of the SHA-256 of the key
};

struct token_claims {
    struct id account; // sub
    struct id sign_in; // sid: the sign-in (refresh token family) it was issued for
    struct id token;   // jti
    enum role role;
    int64_t issued_at;  // iat and nbf, seconds since the epoch
    int64_t expires_at; // exp: no longer valid at this second
};

// From JWT_SECRET's hexadecimal digits. -EINVAL when a character is none, the count is odd, or the bytes are
// out of range; -EKEYREJECTED when they are no random ones.
int token_key_init(struct token_key *key, const char *hexadecimal);
void token_key_finish(struct token_key *key); // wipes it
// The key for refresh token successors that belongs to this one.
void token_key_successor(const struct token_key *key, struct successor_key *ret_key);

// Writes the NUL-terminated token. 0 or -ENOMEM.
int token_issue(const struct token_key *key, const struct token_claims *claims,
                char ret_token[static TOKEN_MAX + 1]);

// `length` bytes of untrusted text; the key is chosen by kid among `keys`, so that one more key can stay
// valid while it is replaced. `now` is in seconds since the epoch. 0, -EBADMSG when anything about its form,
// algorithm or signature is wrong, -EKEYREJECTED when it is signed but for someone else (iss, aud, typ,
// claims) or not yet valid, -EKEYEXPIRED.
int token_verify(const struct token_key *keys, size_t key_count, const char *token, size_t length,
                 int64_t now, struct token_claims *ret_claims);

// "user", "admin"; NULL out of range. role_of: -EINVAL for any other name.
const char *role_name(unsigned role);
int role_of(const char *name, enum role *ret_role);
