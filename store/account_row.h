#pragma once
// private to store/

#include "store/account.h"
#include "store/row.h"

// Reads the columns ACCOUNT_COLUMNS of statements.c.
void account_row_read(struct row *row, struct store_account *ret_account);
