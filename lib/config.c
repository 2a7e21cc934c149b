#include "lib/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/log.h"

#define CONFIG_FILE_MAX (64u << 10)
#define CREDENTIAL_MAX 4096

extern char **environ;

struct config {
    char *values[CONFIG_KEY_COUNT]; // NULL: the default
};

struct config_lines {
    const char *text;
    size_t length;
    const char *name;
    bool secrets;
};

struct config *config_new(void)
{
    return calloc(1, sizeof(struct config));
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
    free(config);
}

__attribute__((format(printf, 2, 3))) static int refuse(struct config_error *ret_error, const char *format,
                                                        ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static int find_key(const char *name, size_t length)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const char *known = config_entry(key)->name;
        if (strlen(known) == length && memcmp(known, name, length) == 0)
            return key;
    }
    return -1;
}

static int refuse_unknown(const char *name, size_t length, const char *where, struct config_error *ret_error)
{
    int shown = (int)(length > 64 ? 64 : length);
    int near = config_nearest(name, length);
    if (near >= 0)
        return refuse(ret_error, "%s: unknown key \"%.*s\"; did you mean %s?", where, shown, name,
                      config_entry((enum config_key)near)->name);
    return refuse(ret_error, "%s: unknown key \"%.*s\"; --help lists the known ones", where, shown, name);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (const char *p = choices; *p;) {
        size_t n = strcspn(p, "|");
        if (n == length && memcmp(p, value, n) == 0)
            return true;
        p += n + (p[n] == '|');
    }
    return false;
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

static int check_value(const struct config_entry *entry, const char *value, const char *where,
                       struct config_error *ret_error)
{
    int64_t number;
    switch (entry->type) {
    case CONFIG_NUMBER:
        if (!parse_number(value, &number) || number < entry->minimum || number > entry->maximum)
            return refuse(ret_error, "%s: %s must be a whole number from %lld to %lld%s%s, not \"%.64s\"",
                          where, entry->name, (long long)entry->minimum, (long long)entry->maximum,
                          *entry->unit ? " " : "", entry->unit, value);
        return 0;
    case CONFIG_SWITCH:
    case CONFIG_CHOICE:
        if (!is_choice(entry->choices, value))
            return refuse(ret_error, "%s: %s must be one of %s, not \"%.64s\"", where, entry->name,
                          entry->choices, value);
        return 0;
    case CONFIG_TEXT:
        if ((int64_t)strlen(value) < entry->minimum || (int64_t)strlen(value) > entry->maximum)
            return refuse(ret_error, "%s: %s must have %lld to %lld characters (%s)", where, entry->name,
                          (long long)entry->minimum, (long long)entry->maximum, entry->text);
        if (entry->secret && value[strspn(value, "0123456789abcdefABCDEF")])
            return refuse(ret_error, "%s: %s must be hexadecimal digits; make one with: openssl rand -hex 32",
                          where, entry->name);
        return 0;
    }
    abort();
}

static int set_value(struct config *config, int key, const char *value, const char *where,
                     struct config_error *ret_error)
{
    const struct config_entry *entry = config_entry(key);
    int error = check_value(entry, value, where, ret_error);
    if (error)
        return error;
    char *copy = strdup(value);
    if (!copy)
        return refuse(ret_error, "%s: out of memory", where);
    free_value(&config->values[key], entry->secret);
    config->values[key] = copy;
    return 0;
}

// Cuts blanks at both ends and one pair of double quotes.
static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]))
        text[--length] = '\0';
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        text++;
    }
    return text;
}

static int read_line(struct config *config, char *line, const char *where, bool secrets, bool *seen,
                     struct config_error *ret_error)
{
    line += strspn(line, " \t\r");
    if (*line == '\0' || *line == '#')
        return 0;
    char *equals = strchr(line, '=');
    if (!equals)
        return refuse(ret_error, "%s: expected KEY=VALUE", where);
    int key = find_key(line, (size_t)(equals - line));
    if (key < 0)
        return refuse_unknown(line, (size_t)(equals - line), where, ret_error);
    if (seen[key])
        return refuse(ret_error, "%s: %s stands twice in this file", where, config_entry(key)->name);
    seen[key] = true;
    if (config_entry(key)->secret && !secrets)
        return refuse(ret_error, "%s: %s is a secret: put it into the secrets file (mode 0600)", where,
                      config_entry(key)->name);
    return set_value(config, key, trim(equals + 1), where, ret_error);
}

static int read_lines(struct config *config, const struct config_lines *lines, config_found *found,
                      void *data, struct config_error *ret_error)
{
    size_t length = lines->length;
    if (length > CONFIG_FILE_MAX || memchr(lines->text, '\0', length))
        return refuse(ret_error, "%s: not a text file of at most %u bytes", lines->name, CONFIG_FILE_MAX);
    AUTO_FREE char *copy = strndup(lines->text, length);
    if (!copy)
        return refuse(ret_error, "%s: out of memory", lines->name);
    bool seen[CONFIG_KEY_COUNT] = {false};
    int number = 0;
    int error = 0;
    char *rest = copy;
    for (char *line; !error && (line = strsep(&rest, "\n"));) {
        char where[300];
        snprintf(where, sizeof(where), "%.256s:%d", lines->name, ++number);
        error = read_line(config, line, where, lines->secrets, seen, ret_error);
        if (error && found) { // all of what is wrong is wanted
            found(data, ret_error->text);
            error = 0;
        }
    }
    explicit_bzero(copy, length);
    return error;
}

int config_read_text(struct config *config, const char *text, size_t length, const char *name, bool secrets,
                     struct config_error *ret_error)
{
    return read_lines(config, &(struct config_lines){text, length, name, secrets}, NULL, NULL, ret_error);
}

static int check_mode(const char *path, bool secrets, struct config_error *ret_error)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return refuse(ret_error, "%.256s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return refuse(ret_error, "%.256s: not a regular file", path);
    if (secrets && (status.st_mode & 077))
        return refuse(ret_error, "%.256s: others may read these secrets; run: chmod 600 %.128s", path, path);
    if (status.st_mode & 022)
        return refuse(ret_error, "%.256s: others may write this file; run: chmod go-w %.128s", path, path);
    return 0;
}

static int read_file(struct config *config, const char *path, bool secrets, config_found *found, void *data,
                     struct config_error *ret_error)
{
    int error = check_mode(path, secrets, ret_error);
    if (error)
        return error;
    AUTO_FREE char *text = NULL;
    size_t length;
    error = read_file_at(AT_FDCWD, path, CONFIG_FILE_MAX, &text, &length);
    if (error)
        return refuse(ret_error, "%.256s: %s", path, strerror(-error));
    error = read_lines(config, &(struct config_lines){text, length, path, secrets}, found, data, ret_error);
    explicit_bzero(text, length);
    return error;
}

int config_read_file(struct config *config, const char *path, bool secrets, struct config_error *ret_error)
{
    return read_file(config, path, secrets, NULL, NULL, ret_error);
}

void config_check_file(struct config *config, const char *path, bool secrets, config_found *found, void *data)
{
    struct config_error error;
    if (read_file(config, path, secrets, found, data, &error) < 0)
        found(data, error.text);
}

static bool looks_like_ours(const char *name)
{
    static const char *const prefixes[] = {"SANDBOX_", "VIDEO_", "JWT_", "FILE_", "EGRESS_", "BACKUP_"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

int config_read_environment(struct config *config, struct config_error *ret_error)
{
    for (char **variable = environ; variable && *variable; variable++) {
        size_t length = strcspn(*variable, "=");
        if ((*variable)[length] != '=')
            continue;
        int key = find_key(*variable, length);
        if (key < 0 && looks_like_ours(*variable))
            return refuse_unknown(*variable, length, "environment", ret_error);
        if (key < 0)
            continue;
        int error = set_value(config, key, *variable + length + 1, "environment", ret_error);
        if (error)
            return error;
        if (config_entry(key)->secret) {
            explicit_bzero(*variable + length + 1, strlen(*variable + length + 1));
            unsetenv(config_entry(key)->name);
            variable--; // unsetenv moved the following ones down
        }
    }
    return 0;
}

// Removes `name VALUE` from argv. 1 with ret_value set when it was there, 0 when not, -EINVAL without a
// value.
static int take_option(const char *name, int *argc, char **argv, const char **ret_value)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        if (i + 1 >= *argc)
            return -EINVAL;
        *ret_value = argv[i + 1];
        memmove(&argv[i], &argv[i + 2], sizeof(*argv) * (size_t)(*argc - i - 1));
        *argc -= 2;
        return 1;
    }
    return 0;
}

static int read_credential(struct config *config, int key, const char *path, struct config_error *ret_error)
{
    AUTO_FREE char *text = NULL;
    size_t length;
    int error = read_file_at(AT_FDCWD, path, CREDENTIAL_MAX, &text, &length);
    if (error == -ENOENT)
        return 0;
    if (error)
        return refuse(ret_error, "%.256s: %s", path, strerror(-error));
    text[strcspn(text, "\n")] = '\0';
    error = set_value(config, key, trim(text), path, ret_error);
    explicit_bzero(text, length);
    return error;
}

int config_read_credentials(struct config *config, const char *directory, const char *prefix,
                            struct config_error *ret_error)
{
    int error = 0;
    for (int key = 0; key < CONFIG_KEY_COUNT && !error; key++) {
        AUTO_FREE char *path = NULL;
        if (asprintf(&path, "%s/%s%s", directory, prefix, config_entry(key)->name) < 0) {
            path = NULL;
            return refuse(ret_error, "%.256s: out of memory", directory);
        }
        error = read_credential(config, key, path, ret_error);
    }
    return error;
}

int config_load(struct config *config, int *argc, char **argv, struct config_error *ret_error)
{
    static const char *const options[] = {"--config", "--secrets"};
    for (int i = 0; i < 2; i++) {
        const char *path;
        int found = take_option(options[i], argc, argv, &path);
        if (found < 0)
            return refuse(ret_error, "%s: expected a file after it", options[i]);
        if (!found)
            continue;
        int error = config_read_file(config, path, i == 1, ret_error);
        if (error)
            return error;
    }
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (credentials) {
        int error = config_read_credentials(config, credentials, CONFIG_CREDENTIAL_PREFIX, ret_error);
        if (error)
            return error;
    }
    return config_read_environment(config, ret_error);
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
