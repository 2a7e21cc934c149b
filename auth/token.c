#include "auth/token.h"

#include <errno.h>
#include <jwt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token_form.h"
#include "lib/cleanup.h"

#define TOKEN_TYPE "JWT"   // libjwt 1.10.2 writes no other typ
#define TOKEN_USE "access" // which is why what RFC 9068 says by typ at+jwt is said by a claim
#define HEADER_MEMBERS 3   // alg, typ, kid
#define CLAIM_COUNT 10     // iss, aud, token_use, sub, sid, jti, role, iat, nbf, exp

static const char *const role_names[ROLE_COUNT] = {[ROLE_USER] = "user", [ROLE_ADMIN] = "admin"};

const char *role_name(unsigned role)
{
    return role < ROLE_COUNT ? role_names[role] : NULL;
}

int role_of(const char *name, enum role *ret_role)
{
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        if (strcmp(name, role_names[role]) == 0) {
            *ret_role = (enum role)role;
            return 0;
        }
    }
    return -EINVAL;
}

static void cleanup_jwt(jwt_t **jwt)
{
    jwt_free(*jwt);
}

// A key that token_key_init did not make is a mistake of ours, and libjwt would take an empty one as "do not
// verify".
static void require_key(const struct token_key *key)
{
    if (key->length < TOKEN_KEY_MIN || key->length > TOKEN_KEY_MAX)
        abort();
}

static int add_texts(jwt_t *jwt, const struct token_claims *claims)
{
    char account[ID_TEXT_SIZE], sign_in[ID_TEXT_SIZE], token[ID_TEXT_SIZE];
    id_format(&claims->account, account);
    id_format(&claims->sign_in, sign_in);
    id_format(&claims->token, token);
    const char *const grants[][2] = {
        {"iss", TOKEN_ISSUER}, {"aud", TOKEN_AUDIENCE}, {"token_use", TOKEN_USE},           {"sub", account},
        {"sid", sign_in},      {"jti", token},          {"role", role_names[claims->role]},
    };
    int error = 0;
    for (size_t i = 0; i < sizeof(grants) / sizeof(grants[0]) && !error; i++)
        error = jwt_add_grant(jwt, grants[i][0], grants[i][1]);
    return error;
}

int token_issue(const struct token_key *key, const struct token_claims *claims,
                char ret_token[static TOKEN_MAX + 1])
{
    require_key(key);
    CLEANUP(cleanup_jwt) jwt_t *jwt = NULL;
    if (jwt_new(&jwt) || jwt_set_alg(jwt, JWT_ALG_HS256, key->bytes, (int)key->length) ||
        jwt_add_header(jwt, "kid", key->id) || add_texts(jwt, claims) ||
        jwt_add_grant_int(jwt, "iat", claims->issued_at) ||
        jwt_add_grant_int(jwt, "nbf", claims->issued_at) || jwt_add_grant_int(jwt, "exp", claims->expires_at))
        return -ENOMEM;
    AUTO_FREE char *text = jwt_encode_str(jwt);
    if (!text)
        return -ENOMEM;
    size_t length = strlen(text);
    if (length > TOKEN_MAX)
        abort();
    memcpy(ret_token, text, length + 1);
    return 0;
}

static bool text_is(const json_t *object, const char *name, const char *expected)
{
    const char *text = token_form_text(object, name);
    return text && strcmp(text, expected) == 0;
}

static const struct token_key *find_key(const struct token_key *keys, size_t count, const json_t *header)
{
    for (size_t i = 0; i < count; i++) {
        require_key(&keys[i]);
        if (text_is(header, "kid", keys[i].id))
            return &keys[i];
    }
    return NULL;
}

static int verify_signature(const struct token_key *key, const struct token_form *form)
{
    uint8_t expected[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key->bytes, key->length);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)form->signed_text, form->signed_length);
    crypto_auth_hmacsha256_final(&state, expected);
    bool equal = form->signature_length == sizeof(expected) &&
                 sodium_memcmp(form->signature, expected, sizeof(expected)) == 0;
    sodium_memzero(&state, sizeof(state));
    sodium_memzero(expected, sizeof(expected));
    return equal ? 0 : -EBADMSG;
}

static int read_id(const json_t *payload, const char *name, struct id *ret_id)
{
    const char *text = token_form_text(payload, name);
    return text ? id_parse(text, ret_id) : -EINVAL;
}

static int read_time(const json_t *payload, const char *name, int64_t *ret_seconds)
{
    const json_t *member = json_object_get(payload, name);
    if (!json_is_integer(member) || json_integer_value(member) < 0)
        return -EINVAL;
    *ret_seconds = json_integer_value(member);
    return 0;
}

static int read_claims(const json_t *payload, int64_t *ret_not_before, struct token_claims *ret_claims)
{
    const char *role = token_form_text(payload, "role");
    if (json_object_size(payload) != CLAIM_COUNT || !text_is(payload, "iss", TOKEN_ISSUER) ||
        !text_is(payload, "aud", TOKEN_AUDIENCE) || !text_is(payload, "token_use", TOKEN_USE) || !role ||
        role_of(role, &ret_claims->role) || read_id(payload, "sub", &ret_claims->account) ||
        read_id(payload, "sid", &ret_claims->sign_in) || read_id(payload, "jti", &ret_claims->token) ||
        read_time(payload, "iat", &ret_claims->issued_at) || read_time(payload, "nbf", ret_not_before) ||
        read_time(payload, "exp", &ret_claims->expires_at))
        return -EKEYREJECTED;
    return 0;
}

int token_verify(const struct token_key *keys, size_t key_count, const char *token, size_t length,
                 int64_t now, struct token_claims *ret_claims)
{
    CLEANUP(token_form_finish) struct token_form form = {0};
    int error = token_form_parse(token, length, &form);
    if (error)
        return error;
    const struct token_key *key = find_key(keys, key_count, form.header);
    if (!key || !text_is(form.header, "alg", "HS256") || json_object_size(form.header) != HEADER_MEMBERS)
        return -EBADMSG;
    error = verify_signature(key, &form);
    if (error)
        return error;
    if (!text_is(form.header, "typ", TOKEN_TYPE))
        return -EKEYREJECTED;
    struct token_claims claims;
    int64_t not_before;
    error = read_claims(form.payload, &not_before, &claims);
    if (error)
        return error;
    if (not_before - TOKEN_LEEWAY_SECONDS > now)
        return -EKEYREJECTED;
    if (claims.expires_at <= now)
        return -EKEYEXPIRED;
    *ret_claims = claims;
    return 0;
}
