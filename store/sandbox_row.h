#pragma once
// private to store/

#include <libpq-fe.h>

#include "store/sandbox.h"

// Reads the columns SANDBOX_COLUMNS of statements.c. 0 or -EIO.
int sandbox_row_read(const PGresult *result, int number, struct store_sandbox *ret_sandbox);
