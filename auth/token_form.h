#pragma once
// The outer form of a compact JWS (RFC 7515 section 3.1), private to auth/.

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_SIGNATURE_MAX 64

struct token_form {
    json_t *header;          // owned; an object without duplicate members
    json_t *payload;         // owned; the same
    const char *signed_text; // borrowed: the first two segments and the dot between them
    size_t signed_length;
    uint8_t signature[TOKEN_SIGNATURE_MAX];
    size_t signature_length;
};

// Exactly three segments of strict base64url, the first two JSON objects in which no member stands twice. 0
// or -EBADMSG.
int token_form_parse(const char *token, size_t length, struct token_form *ret_form);
void token_form_finish(struct token_form *form);

// The member's text when it is a string without a NUL in it, else NULL. Borrowed from the object.
const char *token_form_text(const json_t *object, const char *name);
