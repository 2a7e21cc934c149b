#include "ctl/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FLAG(NAME)                                                                                           \
    {                                                                                                        \
        .name = (NAME), .text = (NAME)                                                                       \
    }
#define WITH_VALUE(NAME, VALUE)                                                                              \
    {                                                                                                        \
        .name = (NAME), .text = NAME " " VALUE, .takes_value = true                                          \
    }
#define REPEATED(NAME, VALUE)                                                                                \
    {                                                                                                        \
        .name = (NAME), .text = NAME " " VALUE "...", .takes_value = true, .repeats = true                   \
    }

static const struct {
    const char *name;
    const char *text; // for usage texts
    bool takes_value;
    bool repeats;
} table[OPTION_COUNT] = {
    [OPTION_USERNAME] = WITH_VALUE("--username", "NAME"),
    [OPTION_PASSWORD] = WITH_VALUE("--password", "PASSWORD"),
    [OPTION_PASSWORD_STDIN] = FLAG("--password-stdin"),
    [OPTION_ROLE] = WITH_VALUE("--role", "user|admin"),
    [OPTION_NODE] = WITH_VALUE("--node", "NODE"),
    [OPTION_ALL] = FLAG("--all"),
    [OPTION_DIRECTORY] = WITH_VALUE("--directory", "DIRECTORY"),
    [OPTION_JSON] = FLAG("--json"),
    [OPTION_HOST] = WITH_VALUE("--host", "NAME"),
    [OPTION_NODES] = REPEATED("--node", "NAME=ADDRESS:PORT"),
    [OPTION_CERTIFICATE] = REPEATED("--certificate", "FILE"),
    [OPTION_BIND] = WITH_VALUE("--bind", "ADDRESS"),
    [OPTION_HTTP_PORT] = WITH_VALUE("--http-port", "PORT"),
    [OPTION_HTTPS_PORT] = WITH_VALUE("--https-port", "PORT"),
    [OPTION_STATUS_PORT] = WITH_VALUE("--status-port", "PORT"),
    [OPTION_PEER_PORT] = WITH_VALUE("--peer-port", "PORT"),
    [OPTION_RUN_DIRECTORY] = WITH_VALUE("--run-directory", "DIRECTORY"),
    [OPTION_LOGIN_RATE] = WITH_VALUE("--login-rate", "COUNT"),
    [OPTION_API_RATE] = WITH_VALUE("--api-rate", "COUNT"),
    [OPTION_SOURCE_CONNECTIONS] = WITH_VALUE("--source-connections", "COUNT"),
    [OPTION_CONNECT_TIMEOUT] = WITH_VALUE("--connect-timeout", "MS"),
    [OPTION_ACME_PORT] = WITH_VALUE("--acme-port", "PORT"),
    [OPTION_ONCE] = FLAG("--once"),
    [OPTION_OFF] = FLAG("--off"),
    [OPTION_KEY] = WITH_VALUE("--key", "FILE"),
    [OPTION_DRY_RUN] = FLAG("--dry-run"),
    [OPTION_ALLOW] = REPEATED("--allow", "DESTINATION"),
    [OPTION_NONE] = FLAG("--none"),
    [OPTION_MEMORY] = WITH_VALUE("--memory", "MB"),
    [OPTION_CPU] = WITH_VALUE("--cpu", "PERCENT"),
    [OPTION_PIDS] = WITH_VALUE("--pids", "COUNT"),
};

const char *option_text(enum option option)
{
    return table[option].text;
}

static int refuse(struct options_error *ret_error, const char *word, const char *why)
{
    snprintf(ret_error->text, sizeof(ret_error->text), "%.100s: %s", word, why);
    return -EINVAL;
}

// The option of that name, an accepted one before others, the rest behind its '=' in ret_value (NULL: none);
// OPTION_COUNT when there is none.
static unsigned find(char *word, unsigned accepted, char **ret_value)
{
    size_t length = strcspn(word, "=");
    unsigned found = OPTION_COUNT;
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (strlen(table[i].name) != length || memcmp(table[i].name, word, length) != 0)
            continue;
        *ret_value = word[length] ? word + length + 1 : NULL;
        found = i;
        if (accepted & ACCEPT(i))
            break;
    }
    return found;
}

static int store_value(struct options *options, unsigned option, char *value, struct options_error *ret_error)
{
    if (table[option].repeats && options->repeated[option].count == OPTION_REPEATS_MAX)
        return refuse(ret_error, table[option].name, "given too often");
    if (table[option].repeats)
        options->repeated[option].items[options->repeated[option].count++] = value;
    options->values[option] = value;
    return 0;
}

static int take_option(struct options *options, char ***argv, unsigned accepted,
                       struct options_error *ret_error)
{
    static char none[] = "";
    char *word = **argv;
    char *value;
    unsigned option = find(word, accepted, &value);
    if (option == OPTION_COUNT || !(accepted & ACCEPT(option)))
        return refuse(ret_error, option == OPTION_COUNT ? word : table[option].name, "no such option here");
    const char *name = table[option].name;
    if (options->values[option] && !table[option].repeats)
        return refuse(ret_error, name, "given twice");
    if (!table[option].takes_value && value)
        return refuse(ret_error, name, "takes no value");
    if (!table[option].takes_value)
        value = none;
    else if (!value && !(value = *++*argv))
        return refuse(ret_error, name, "expected a value after it");
    return store_value(options, option, value, ret_error);
}

int options_parse(struct options *options, char **argv, unsigned accepted, const char *operand,
                  struct options_error *ret_error)
{
    *options = (struct options){0};
    for (; *argv; argv++) {
        if (**argv == '-') {
            int error = take_option(options, &argv, accepted, ret_error);
            if (error)
                return error;
        } else if (!operand || options->operand) {
            return refuse(ret_error, *argv, "not expected");
        } else {
            options->operand = *argv;
        }
    }
    return 0;
}
