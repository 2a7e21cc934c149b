#pragma once
// A sign-in is a family of refresh tokens: each is good once and replaced by its successor. Its id is the
// access tokens' sid.

#include "auth/opaque_token.h"
#include "store/account.h"

// An old refresh token that comes again within this time, before its successor was used, is an honest double
// submit.
#define SIGN_IN_GRACE_SECONDS 10

struct store_sign_in_order {
    struct id account;
    struct password_hash password; // that was verified
    struct digest token;           // its first refresh token
    int64_t seconds;               // that one's life
};

// Makes a sign-in. -EKEYREVOKED the account is disabled or its password was changed since it was verified, -ENOENT there is no such account.
int store_sign_in_create(struct store *store, const struct store_sign_in_order *order,
                         struct id *ret_sign_in);

// Replaces a refresh token by its successor, atomically, and gives the sign-in's account. 0 also for a double
// submit, which makes nothing new. -ENOENT unknown token, -EKEYEXPIRED, -EKEYREVOKED the sign-in was ended or
// the account disabled, or the token had been used before: then its whole family is revoked from now on.
int store_sign_in_rotate(struct store *store, const struct digest *token, const struct digest *successor,
                         int64_t seconds, struct id *ret_sign_in, struct store_account *ret_account);

// Is the sign-in of an access token still good? Gives its account. -ENOENT or -EKEYREVOKED when not.
int store_sign_in_check(struct store *store, const struct id *sign_in, struct store_account *ret_account);

// Logout: ends the family that the refresh token belongs to. 0 also when there is none.
int store_sign_in_end(struct store *store, const struct digest *token);
