#pragma once
// What the tests of store/ share: a cluster per program, a migrated database, rows to start from.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/account.h"
#include "store/migration.h"
#include "store/sandbox.h"
#include "store/sign_in.h"
#include "tests/harness/postgres_fixture.h"

struct testing {
    struct postgres_fixture *postgres;
    struct store *store;
    PGconn *plain; // for what no operation of store/ does, as making time pass
};

// Group fixtures; *state is a struct testing.
int testing_set_up(void **state);
int testing_tear_down(void **state);
// As testing_set_up without migrations.
int testing_set_up_empty(void **state);

const char *testing_migrations(void);

// Fails the test when the database does not say 0.
#define assert_stored(call)                                                                                  \
    do {                                                                                                     \
        int stored_ = (call);                                                                                \
        if (stored_)                                                                                         \
            print_error("%s\n", strerror(-stored_));                                                         \
        assert_int_equal(stored_, 0);                                                                        \
    } while (0)

// Runs SQL and gives the first field of its first row, or "".
const char *testing_sql(struct testing *testing, const char *sql);

// A new account of that name.
struct store_account testing_account(struct testing *testing, const char *username);
// What that account signs in by.
struct store_sign_in_order testing_sign_in(const struct id *account);
// A new sandbox's order, for node "local" with limits of 3 and 100.
struct store_sandbox_order testing_order(const struct id *account);
struct store_sandbox testing_sandbox(struct testing *testing, const struct id *account);
struct digest testing_digest(void);
