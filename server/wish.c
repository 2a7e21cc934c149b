#include "server/wish.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct sandbox_limits wish_limits_most(const struct config *config)
{
    return (struct sandbox_limits){.memory_mb =
                                       (uint32_t)config_number(config, CONFIG_SANDBOX_MEMORY_LIMIT_MB),
                                   .cpu_percent = (uint32_t)config_number(config, CONFIG_SANDBOX_CPU_PERCENT),
                                   .pids = (uint32_t)config_number(config, CONFIG_SANDBOX_PID_LIMIT)};
}

int wish_read_limits(const json_t *value, const struct config *config, struct sandbox_limits *limits,
                     char wrong[static WISH_WRONG_MAX])
{
    struct sandbox_limits most = wish_limits_most(config), wished = *limits;
    const struct {
        const char *name;
        uint32_t *number, least, most;
    } fields[] = {{"memory_mb", &wished.memory_mb, MEMORY_LIMIT_MIN_MB, most.memory_mb},
                  {"cpu_percent", &wished.cpu_percent, 1, most.cpu_percent},
                  {"pids", &wished.pids, PID_LIMIT_MIN, most.pids}};
    size_t taken = 0;
    if (!value)
        return 0;
    if (!json_is_object(value)) {
        snprintf(wrong, WISH_WRONG_MAX, "\"limits\" must be an object of memory_mb, cpu_percent and pids.");
        return -EINVAL;
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const json_t *number = json_object_get(value, fields[i].name);
        if (!number)
            continue;
        json_int_t wish = json_is_integer(number) ? json_integer_value(number) : -1;
        if (wish < fields[i].least || wish > fields[i].most) {
            snprintf(wrong, WISH_WRONG_MAX, "\"limits.%s\" must be a whole number from %u to %u.",
                     fields[i].name, fields[i].least, fields[i].most);
            return -EINVAL;
        }
        *fields[i].number = (uint32_t)wish;
        taken++;
    }
    if (taken != json_object_size(value)) {
        snprintf(wrong, WISH_WRONG_MAX,
                 "\"limits\" has a field that can't be set: there are memory_mb, cpu_percent and pids.");
        return -EINVAL;
    }
    *limits = wished;
    return 0;
}
