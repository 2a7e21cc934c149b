#include "ctl/listing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/cleanup.h"

#define CELL_SIZE 128
#define COLUMNS_MAX 12

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

json_t *listing_time(int64_t microseconds)
{
    char text[32];
    time_t seconds = (time_t)(microseconds / 1000000);
    struct tm parts;
    if (microseconds == 0)
        return json_null();
    if (!gmtime_r(&seconds, &parts) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts))
        return NULL;
    return json_string(text);
}

static void format_cell(const json_t *value, char cell[static CELL_SIZE])
{
    if (json_is_string(value))
        snprintf(cell, CELL_SIZE, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(cell, CELL_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(cell, CELL_SIZE, "%s", json_is_true(value) ? "yes" : "-");
}

static void print_text(const json_t *rows, const char *const *columns, size_t count)
{
    int widths[COLUMNS_MAX] = {0};
    char cell[CELL_SIZE];
    size_t i;
    const json_t *row;
    for (size_t column = 0; column < count; column++) {
        widths[column] = (int)strlen(columns[column]);
        json_array_foreach(rows, i, row)
        {
            format_cell(json_object_get(row, columns[column]), cell);
            if ((int)strlen(cell) > widths[column])
                widths[column] = (int)strlen(cell);
        }
    }
    for (size_t column = 0; column < count; column++)
        printf("%-*s%s", column + 1 < count ? widths[column] : 0, columns[column],
               column + 1 < count ? "  " : "\n");
    json_array_foreach(rows, i, row)
    {
        for (size_t column = 0; column < count; column++) {
            format_cell(json_object_get(row, columns[column]), cell);
            printf("%-*s%s", column + 1 < count ? widths[column] : 0, cell, column + 1 < count ? "  " : "\n");
        }
    }
}

int listing_print(json_t *rows, const char *const *columns, size_t count, bool as_json)
{
    CLEANUP(cleanup_json) json_t *owned = rows;
    if (!owned || count > COLUMNS_MAX)
        return -ENOMEM;
    if (!as_json) {
        print_text(owned, columns, count);
        return 0;
    }
    if (json_dumpf(owned, stdout, JSON_INDENT(2)))
        return -ENOMEM;
    putchar('\n');
    return 0;
}
