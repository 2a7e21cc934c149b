#include "ctl/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *value; // NULL: takes none
    const char *text;
} table[OPTION_COUNT] = {
    [OPTION_USERNAME] = {"--username", "NAME", "--username NAME"},
    [OPTION_PASSWORD] = {"--password", "PASSWORD", "--password PASSWORD"},
    [OPTION_PASSWORD_STDIN] = {"--password-stdin", NULL, "--password-stdin"},
    [OPTION_ROLE] = {"--role", "user|admin", "--role user|admin"},
    [OPTION_NODE] = {"--node", "NODE", "--node NODE"},
    [OPTION_ALL] = {"--all", NULL, "--all"},
    [OPTION_DIRECTORY] = {"--directory", "DIRECTORY", "--directory DIRECTORY"},
    [OPTION_JSON] = {"--json", NULL, "--json"},
    [OPTION_KEY] = {"--key", "FILE", "--key FILE"},
    [OPTION_DRY_RUN] = {"--dry-run", NULL, "--dry-run"},
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

// The option of that name, the rest behind its '=' in ret_value (NULL: none); OPTION_COUNT when there is
// none.
static unsigned find(char *word, char **ret_value)
{
    size_t length = strcspn(word, "=");
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (strlen(table[i].name) == length && memcmp(table[i].name, word, length) == 0) {
            *ret_value = word[length] ? word + length + 1 : NULL;
            return i;
        }
    }
    return OPTION_COUNT;
}

static int take_option(struct options *options, char ***argv, unsigned accepted,
                       struct options_error *ret_error)
{
    static char none[] = "";
    char *word = **argv;
    char *value;
    unsigned option = find(word, &value);
    if (option == OPTION_COUNT || !(accepted & ACCEPT(option)))
        return refuse(ret_error, option == OPTION_COUNT ? word : table[option].name, "no such option here");
    const char *name = table[option].name;
    if (options->values[option])
        return refuse(ret_error, name, "given twice");
    if (!table[option].value && value)
        return refuse(ret_error, name, "takes no value");
    if (!table[option].value)
        value = none;
    else if (!value && !(value = *++*argv))
        return refuse(ret_error, name, "expected a value after it");
    options->values[option] = value;
    return 0;
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
