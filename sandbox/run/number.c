#include "sandbox/run/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIME_MAX_S (366u * 24 * 3600)

static int parse_decimal(const char *text, uint64_t *ret_number, const char **ret_end)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || errno)
        return -EINVAL;
    *ret_number = number;
    *ret_end = end;
    return 0;
}

int number_parse(const char *text, uint32_t least, uint32_t most, uint32_t *ret_number)
{
    uint64_t number;
    const char *end;
    if (parse_decimal(text, &number, &end) < 0 || *end || number < least || number > most)
        return -EINVAL;
    *ret_number = (uint32_t)number;
    return 0;
}

int number_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "KMGT";
    uint64_t number;
    const char *end;
    if (parse_decimal(text, &number, &end) < 0)
        return -EINVAL;
    unsigned shift = 0;
    if (*end) {
        const char *unit = strchr(units, toupper((unsigned char)*end));
        if (!unit || end[1])
            return -EINVAL;
        shift = 10 * (unsigned)(unit - units + 1);
    }
    if (number > (UINT64_MAX >> 1) >> shift)
        return -EINVAL;
    *ret_bytes = number << shift;
    return 0;
}

int number_parse_duration(const char *text, uint64_t *ret_ns)
{
    static const struct {
        const char *name;
        unsigned seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
    char *end;
    double number = strtod(text, &end);
    if (!isdigit((unsigned char)*text) || end != text + strspn(text, "0123456789."))
        return -EINVAL; // 0x10, 1e3
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        double seconds = number * units[i].seconds;
        if (strcmp(end, units[i].name) != 0)
            continue;
        if (seconds < 0.001 || seconds > TIME_MAX_S)
            return -EINVAL;
        *ret_ns = (uint64_t)(seconds * 1e9);
        return 0;
    }
    return -EINVAL;
}
