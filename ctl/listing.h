#pragma once
// Lists, as text in columns or as JSON (--json): one array of flat objects makes both.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Prints and releases the rows (NULL: memory was out). Columns are the members that text shows. 0 or -ENOMEM.
int listing_print(json_t *rows, const char *const *columns, size_t count, bool as_json);

// RFC 3339 in UTC, or null for 0. NULL when memory is out.
json_t *listing_time(int64_t microseconds);
