#include "ctl/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *value; // NULL: takes none
    const char *text;
    bool repeats;
} table[OPTION_COUNT] = {
    [OPTION_USERNAME] = {"--username", "NAME", "--username NAME", false},
    [OPTION_PASSWORD] = {"--password", "PASSWORD", "--password PASSWORD", false},
    [OPTION_PASSWORD_STDIN] = {"--password-stdin", NULL, "--password-stdin", false},
    [OPTION_ROLE] = {"--role", "user|admin", "--role user|admin", false},
    [OPTION_NODE] = {"--node", "NODE", "--node NODE", false},
    [OPTION_ALL] = {"--all", NULL, "--all", false},
    [OPTION_DIRECTORY] = {"--directory", "DIRECTORY", "--directory DIRECTORY", false},
    [OPTION_JSON] = {"--json", NULL, "--json", false},
    [OPTION_HOST] = {"--host", "NAME", "--host NAME", false},
    [OPTION_NODES] = {"--node", "NAME=ADDRESS:PORT", "--node NAME=ADDRESS:PORT...", true},
    [OPTION_CERTIFICATE] = {"--certificate", "FILE", "--certificate FILE...", true},
    [OPTION_BIND] = {"--bind", "ADDRESS", "--bind ADDRESS", false},
    [OPTION_HTTP_PORT] = {"--http-port", "PORT", "--http-port PORT", false},
    [OPTION_HTTPS_PORT] = {"--https-port", "PORT", "--https-port PORT", false},
    [OPTION_STATUS_PORT] = {"--status-port", "PORT", "--status-port PORT", false},
    [OPTION_PEER_PORT] = {"--peer-port", "PORT", "--peer-port PORT", false},
    [OPTION_RUN_DIRECTORY] = {"--run-directory", "DIRECTORY", "--run-directory DIRECTORY", false},
    [OPTION_LOGIN_RATE] = {"--login-rate", "COUNT", "--login-rate COUNT", false},
    [OPTION_API_RATE] = {"--api-rate", "COUNT", "--api-rate COUNT", false},
    [OPTION_SOURCE_CONNECTIONS] = {"--source-connections", "COUNT", "--source-connections COUNT", false},
    [OPTION_CONNECT_TIMEOUT] = {"--connect-timeout", "MS", "--connect-timeout MS", false},
    [OPTION_ACME_PORT] = {"--acme-port", "PORT", "--acme-port PORT", false},
    [OPTION_ONCE] = {"--once", NULL, "--once", false},
    [OPTION_OFF] = {"--off", NULL, "--off", false},
    [OPTION_KEY] = {"--key", "FILE", "--key FILE", false},
    [OPTION_DRY_RUN] = {"--dry-run", NULL, "--dry-run", false},
    [OPTION_ALLOW] = {"--allow", "DESTINATION", "--allow DESTINATION...", true},
    [OPTION_NONE] = {"--none", NULL, "--none", false},
    [OPTION_MEMORY] = {"--memory", "MB", "--memory MB", false},
    [OPTION_CPU] = {"--cpu", "PERCENT", "--cpu PERCENT", false},
    [OPTION_PIDS] = {"--pids", "COUNT", "--pids COUNT", false},
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
    if (!table[option].value && value)
        return refuse(ret_error, name, "takes no value");
    if (!table[option].value)
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
