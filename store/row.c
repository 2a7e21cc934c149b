#include "store/row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct row row_of(const PGresult *result, int number)
{
    return (struct row){.result = result, .number = number};
}

// The next column's text, or NULL for SQL's NULL.
static const char *next(struct row *row)
{
    int column = row->column++;
    if (column >= PQnfields(row->result)) {
        row->failed = true;
        return NULL;
    }
    return PQgetisnull(row->result, row->number, column) ? NULL
                                                         : PQgetvalue(row->result, row->number, column);
}

int64_t row_number_or(struct row *row, int64_t otherwise)
{
    const char *text = next(row);
    if (!text)
        return otherwise;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end) {
        row->failed = true;
        return otherwise;
    }
    return number;
}

int64_t row_number(struct row *row)
{
    return row_number_or(row, 0);
}

bool row_bool(struct row *row)
{
    const char *text = next(row);
    return text && *text == 't';
}

const char *row_borrow(struct row *row)
{
    const char *text = next(row);
    return text ? text : "";
}

void row_text(struct row *row, char *buffer, size_t size)
{
    const char *text = row_borrow(row);
    size_t length = strlen(text);
    if (length >= size) {
        row->failed = true;
        length = 0;
    }
    memcpy(buffer, text, length);
    buffer[length] = '\0';
}

struct id row_id(struct row *row)
{
    struct id id = {0};
    const char *text = next(row);
    if (text && id_parse(text, &id))
        row->failed = true;
    return id;
}

unsigned row_choice(struct row *row, const char *(*name)(unsigned), unsigned count)
{
    const char *text = next(row);
    if (!text)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        const char *known = name(i);
        if (known && strcmp(known, text) == 0)
            return i;
    }
    row->failed = true;
    return 0;
}

int row_end(const struct row *row)
{
    return row->failed ? -EIO : 0;
}
