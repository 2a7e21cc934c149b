#pragma once
// The connection behind struct store; private to store/.

#include <libpq-fe.h>
#include <stdbool.h>

#include "store/statements.h"
#include "store/store.h"

struct store {
    char *url;
    PGconn *connection; // NULL: not connected
    bool prepared[SQL_COUNT];
    char error[STORE_ERROR_MAX];
};

// Connects unless a healthy connection is there. One that the database closed while nobody used it is
// replaced, so that a restart between two calls goes unnoticed. 0 or -ENOTCONN.
int store_connect(struct store *store);
// Forgets the connection; the next store_connect makes a new one.
void store_disconnect(struct store *store);

// Keeps one line for store_error; line ends become spaces.
__attribute__((format(printf, 2, 3))) void store_set_error(struct store *store, const char *format, ...);
