#pragma once
// Opaque random tokens (refresh tokens, tickets): 32 random bytes as base64url text. Only their SHA-256 is
// ever stored, so that a copy of the database signs nobody in.

#include <stdbool.h>
#include <stdint.h>

#define DIGEST_SIZE 32
#define OPAQUE_TOKEN_BYTES 32
#define OPAQUE_TOKEN_TEXT_SIZE 44 // 43 characters and the NUL

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

// A secret: wipe it (opaque_token_wipe) when it was handed out.
struct opaque_token {
    char text[OPAQUE_TOKEN_TEXT_SIZE];
};

// Derives the successor of a refresh token, so that two requests with the same old token get the same new
// one.
struct successor_key {
    uint8_t bytes[DIGEST_SIZE];
};

struct opaque_token opaque_token_new(void);
// What is stored and looked up. -EINVAL when the text is not exactly 43 characters of canonical base64url.
int opaque_token_digest(const char *text, struct digest *ret_digest);
// HMAC-SHA-256(key, old) as a token. -EINVAL as opaque_token_digest.
int opaque_token_successor(const struct successor_key *key, const char *old, struct opaque_token *ret_token);
void opaque_token_wipe(struct opaque_token *token);
