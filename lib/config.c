#include "lib/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/config_private.h"
#include "lib/log.h"
#include "lib/text.h"

struct config *config_new(void)
{
    struct config *config = calloc(1, sizeof(*config));
    if (config)
        config_init_templates(config);
    return config;
}

static void free_value(char **value, bool secret)
{
    if (*value && secret)
        explicit_bzero(*value, strlen(*value));
    free(*value);
    *value = NULL;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (int key = 0; key < CONFIG_KEY_COUNT; key++)
        free_value(&config->values[key], config_entry(key)->secret);
    config_free_templates(config);
    free(config);
}

__attribute__((format(printf, 2, 3))) int config_refuse(struct config_error *ret_error, const char *format,
                                                        ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

int config_find(const char *name, size_t length)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const char *known = config_entry(key)->name;
        if (strlen(known) == length && memcmp(known, name, length) == 0)
            return key;
    }
    return -1;
}

static bool parse_number(const char *text, int64_t *ret_number)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool plain = *text == '-' ? text[1] >= '0' && text[1] <= '9' : *text >= '0' && *text <= '9';
    if (errno || !plain || *end)
        return false;
    *ret_number = number;
    return true;
}

int config_check_value(const struct config_entry *entry, const char *value, const char *where,
                       struct config_error *ret_error)
{
    int64_t number;
    switch (entry->type) {
    case CONFIG_NUMBER:
        if (!parse_number(value, &number) || number < entry->minimum || number > entry->maximum)
            return config_refuse(ret_error,
                                 "%s: %s must be a whole number from %lld to %lld%s%s, not \"%.64s\"", where,
                                 entry->name, (long long)entry->minimum, (long long)entry->maximum,
                                 *entry->unit ? " " : "", entry->unit, value);
        return 0;
    case CONFIG_SWITCH:
    case CONFIG_CHOICE:
        if (!text_has_word(entry->choices, "|", value))
            return config_refuse(ret_error, "%s: %s must be one of %s, not \"%.64s\"", where, entry->name,
                                 entry->choices, value);
        return 0;
    case CONFIG_TEXT:
        if ((int64_t)strlen(value) < entry->minimum || (int64_t)strlen(value) > entry->maximum)
            return config_refuse(ret_error, "%s: %s must have %lld to %lld characters (%s)", where,
                                 entry->name, (long long)entry->minimum, (long long)entry->maximum,
                                 entry->text);
        if (entry->secret && value[strspn(value, "0123456789abcdefABCDEF")])
            return config_refuse(ret_error,
                                 "%s: %s must be hexadecimal digits; make one with: openssl rand -hex 32",
                                 where, entry->name);
        return 0;
    }
    abort();
}

int config_set(struct config *config, int key, const char *value, const char *where,
               struct config_error *ret_error)
{
    const struct config_entry *entry = config_entry(key);
    int error = config_check_value(entry, value, where, ret_error);
    if (error)
        return error;
    char *copy = strdup(value);
    if (!copy)
        return config_refuse(ret_error, "%s: out of memory", where);
    free_value(&config->values[key], entry->secret);
    config->values[key] = copy;
    return 0;
}

const char *config_text(const struct config *config, enum config_key key)
{
    return config->values[key] ? config->values[key] : config_entry(key)->standard;
}

int64_t config_number(const struct config *config, enum config_key key)
{
    int64_t number;
    if (config_entry(key)->type != CONFIG_NUMBER || !parse_number(config_text(config, key), &number))
        abort();
    return number;
}

bool config_adopt(struct config *config, const struct config *fresh, enum config_key key)
{
    if (strcmp(config_text(config, key), config_text(fresh, key)) == 0)
        return true;
    char *copy = strdup(config_text(fresh, key));
    if (!copy)
        return false;
    free_value(&config->values[key], config_entry(key)->secret);
    config->values[key] = copy;
    return true;
}

bool config_switch(const struct config *config, enum config_key key)
{
    return strcmp(config_text(config, key), "true") == 0;
}

void config_print_help(void)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_entry *entry = config_entry(key);
        printf("  %s\n      %s.", entry->name, entry->text);
        if (entry->type == CONFIG_NUMBER)
            printf(" %lld to %lld%s%s.", (long long)entry->minimum, (long long)entry->maximum,
                   *entry->unit ? " " : "", entry->unit);
        if (*entry->choices)
            printf(" One of %s.", entry->choices);
        if (!entry->secret)
            printf(" Default: %s", *entry->standard ? entry->standard : "(none)");
        printf("\n");
    }
    printf("  " CONFIG_TEMPLATE_PREFIX
           "NAME\n      another kind of desktop called name, or what is different for desktop. "
           "Settings KEY=VALUE separated by blanks, of");
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        if (config_by_template((enum config_key)key))
            printf(" %s", config_entry(key)->name);
    }
    printf(". Default: (none)\n");
}

void config_open_log(const struct config *config, const char *program)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    enum log_level level = LOG_LEVEL_INFO;
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(levels[i], config_text(config, CONFIG_LOG_LEVEL)) == 0)
            level = (enum log_level)i;
    }
    log_open(program, level, strcmp(config_text(config, CONFIG_LOG_FORMAT), "json") == 0);
}
