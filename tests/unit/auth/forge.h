#pragma once
// Tokens that token_issue would never make.

#include "auth/token.h"

#define FORGED_MAX 8192

// base64url(header).base64url(payload).base64url(HMAC-SHA-256 with the given key bytes), signed rightly
// whatever the texts say.
const char *forge(const char *header, const char *payload, const void *key, size_t key_length);
// As forge, with the given text for the third segment.
const char *forge_signature(const char *header, const char *payload, const char *signature);
