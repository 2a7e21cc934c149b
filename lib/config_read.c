#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/config_private.h"
#include "lib/fd.h"

#define CONFIG_FILE_MAX (64u << 10)
#define CREDENTIAL_MAX 4096

extern char **environ;

struct config_lines {
    const char *text;
    size_t length;
    const char *name;
    bool secrets;
};

int config_refuse_unknown(const char *name, size_t length, const char *where, struct config_error *ret_error)
{
    int shown = (int)(length > 64 ? 64 : length);
    int near = config_nearest(name, length);
    if (near >= 0)
        return config_refuse(ret_error, "%s: unknown key \"%.*s\"; did you mean %s?", where, shown, name,
                             config_entry((enum config_key)near)->name);
    return config_refuse(ret_error, "%s: unknown key \"%.*s\"; --help lists the known ones", where, shown,
                         name);
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

// What a file has given already: none of it twice.
struct seen {
    bool keys[CONFIG_KEY_COUNT];
    bool templates[CONFIG_TEMPLATES_MAX];
};

static int read_template(struct config *config, char *line, char *equals, const char *where,
                         struct seen *seen, struct config_error *ret_error)
{
    unsigned index;
    int error = config_set_template(config, line, (size_t)(equals - line), trim(equals + 1), where, &index,
                                    ret_error);
    if (!error && seen->templates[index])
        return config_refuse(ret_error, "%s: the template %s stands twice in this file", where,
                             config_template_name(config, index));
    if (!error)
        seen->templates[index] = true;
    return error;
}

static int read_line(struct config *config, char *line, const char *where, bool secrets, struct seen *seen,
                     struct config_error *ret_error)
{
    line += strspn(line, " \t\r");
    if (*line == '\0' || *line == '#')
        return 0;
    char *equals = strchr(line, '=');
    if (!equals)
        return config_refuse(ret_error, "%s: expected KEY=VALUE", where);
    if (config_names_template(line, (size_t)(equals - line)))
        return read_template(config, line, equals, where, seen, ret_error);
    int key = config_find(line, (size_t)(equals - line));
    if (key < 0)
        return config_refuse_unknown(line, (size_t)(equals - line), where, ret_error);
    if (seen->keys[key])
        return config_refuse(ret_error, "%s: %s stands twice in this file", where, config_entry(key)->name);
    seen->keys[key] = true;
    if (config_entry(key)->secret && !secrets)
        return config_refuse(ret_error, "%s: %s is a secret: put it into the secrets file (mode 0600)", where,
                             config_entry(key)->name);
    return config_set(config, key, trim(equals + 1), where, ret_error);
}

static int read_lines(struct config *config, const struct config_lines *lines, config_found *found,
                      void *data, struct config_error *ret_error)
{
    size_t length = lines->length;
    if (length > CONFIG_FILE_MAX || memchr(lines->text, '\0', length))
        return config_refuse(ret_error, "%s: not a text file of at most %u bytes", lines->name,
                             CONFIG_FILE_MAX);
    AUTO_FREE char *copy = strndup(lines->text, length);
    if (!copy)
        return config_refuse(ret_error, "%s: out of memory", lines->name);
    struct seen seen = {0};
    int number = 0;
    int error = 0;
    char *rest = copy;
    for (char *line; !error && (line = strsep(&rest, "\n"));) {
        char where[300];
        snprintf(where, sizeof(where), "%.256s:%d", lines->name, ++number);
        error = read_line(config, line, where, lines->secrets, &seen, ret_error);
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
        return config_refuse(ret_error, "%.256s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return config_refuse(ret_error, "%.256s: not a regular file", path);
    if (secrets && (status.st_mode & 077))
        return config_refuse(ret_error, "%.256s: others may read these secrets; run: chmod 600 %.128s", path,
                             path);
    if (status.st_mode & 022)
        return config_refuse(ret_error, "%.256s: others may write this file; run: chmod go-w %.128s", path,
                             path);
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
        return config_refuse(ret_error, "%.256s: %s", path, strerror(-error));
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
        if (config_names_template(*variable, length)) {
            unsigned index;
            int error = config_set_template(config, *variable, length, *variable + length + 1, "environment",
                                            &index, ret_error);
            if (error)
                return error;
            continue;
        }
        int key = config_find(*variable, length);
        if (key < 0 && looks_like_ours(*variable))
            return config_refuse_unknown(*variable, length, "environment", ret_error);
        if (key < 0)
            continue;
        int error = config_set(config, key, *variable + length + 1, "environment", ret_error);
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
        return config_refuse(ret_error, "%.256s: %s", path, strerror(-error));
    text[strcspn(text, "\n")] = '\0';
    error = config_set(config, key, trim(text), path, ret_error);
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
            return config_refuse(ret_error, "%.256s: out of memory", directory);
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
            return config_refuse(ret_error, "%s: expected a file after it", options[i]);
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
    int error = config_read_environment(config, ret_error);
    return error ? error : config_check_templates(config, ret_error);
}
