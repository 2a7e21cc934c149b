#pragma once
// Reading one row of a result, column by column; private to store/. As with lib/bytes.h, a column that is not
// what it should be sets `failed`, and the reader checks once at its end.

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ids.h"

struct row {
    const PGresult *result;
    int number;
    int column; // the next one
    bool failed;
};

struct row row_of(const PGresult *result, int number);
// NULL reads as 0.
int64_t row_number(struct row *row);
// NULL reads as the given value.
int64_t row_number_or(struct row *row, int64_t otherwise);
bool row_bool(struct row *row);
// NULL reads as "".
void row_text(struct row *row, char *buffer, size_t size);
// Borrowed from the result; "" for NULL.
const char *row_borrow(struct row *row);
// NULL reads as nil.
struct id row_id(struct row *row);
// The index of the column's text among `count` names; NULL reads as 0.
unsigned row_choice(struct row *row, const char *(*name)(unsigned), unsigned count);
// 0, or -EIO when any column failed.
int row_end(const struct row *row);
