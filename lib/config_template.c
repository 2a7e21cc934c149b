// Kinds of desktops: a line TEMPLATE_<NAME>=KEY=VALUE ... each, of keys of the table that are by template.

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/config_private.h"

#define STANDARD "desktop"
#define RESERVED "code" // the template of single commands: nobody sees it

static const enum config_key by_template[] = {
    CONFIG_CLIPBOARD_TO_SANDBOX_KB,
    CONFIG_CLIPBOARD_TO_BROWSER_KB,
    CONFIG_DISPLAY_MAX_WIDTH,
    CONFIG_DISPLAY_MAX_HEIGHT,
    CONFIG_SOUND,
    CONFIG_MICROPHONE,
    CONFIG_SHARING,
    CONFIG_RECORDING,
};

bool config_by_template(enum config_key key)
{
    for (size_t i = 0; i < sizeof(by_template) / sizeof(by_template[0]); i++) {
        if (by_template[i] == key)
            return true;
    }
    return false;
}

bool config_names_template(const char *name, size_t length)
{
    return length > strlen(CONFIG_TEMPLATE_PREFIX) &&
           memcmp(name, CONFIG_TEMPLATE_PREFIX, strlen(CONFIG_TEMPLATE_PREFIX)) == 0;
}

static void free_template(struct config_template *template)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++)
        free(template->values[key]);
    free(template->line);
    *template = (struct config_template){0};
}

void config_free_templates(struct config *config)
{
    for (unsigned i = 0; i < CONFIG_TEMPLATES_MAX; i++)
        free_template(&config->templates[i]);
}

static void cleanup_template(struct config_template *template)
{
    free_template(template);
}

// TEMPLATE_QUIET_ROOM is quiet-room: a name of an environment variable has no small letters.
static int take_name(const char *name, size_t length, struct config_template *template)
{
    name += strlen(CONFIG_TEMPLATE_PREFIX);
    length -= strlen(CONFIG_TEMPLATE_PREFIX);
    if (length > TEMPLATE_NAME_MAX || name[0] == '_' || name[length - 1] == '_')
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_')
            return -EINVAL;
        template->name[i] = c == '_' ? '-' : (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return strcmp(template->name, RESERVED) == 0 ? -EINVAL : 0;
}

static int take_setting(struct config_template *template, const char *word, const char *where,
                        struct config_error *ret_error)
{
    const char *equals = strchr(word, '=');
    if (!equals)
        return config_refuse(ret_error, "%s: expected KEY=VALUE separated by blanks, not \"%.64s\"", where,
                             word);
    int key = config_find(word, (size_t)(equals - word));
    if (key < 0)
        return config_refuse_unknown(word, (size_t)(equals - word), where, ret_error);
    const struct config_entry *entry = config_entry((enum config_key)key);
    if (!config_by_template((enum config_key)key))
        return config_refuse(ret_error, "%s: %s is the same for all desktops: give it a line of its own",
                             where, entry->name);
    if (template->values[key])
        return config_refuse(ret_error, "%s: %s stands twice", where, entry->name);
    int error = config_check_value(entry, equals + 1, where, ret_error);
    if (error)
        return error;
    template->values[key] = strdup(equals + 1);
    return template->values[key] ? 0 : config_refuse(ret_error, "%s: out of memory", where);
}

static int take_line(struct config_template *template, const char *line, const char *where,
                     struct config_error *ret_error)
{
    AUTO_FREE char *copy = strdup(line);
    template->line = strdup(line);
    if (!copy || !template->line)
        return config_refuse(ret_error, "%s: out of memory", where);
    int error = 0;
    char *rest = copy;
    for (char *word; !error && (word = strsep(&rest, " \t"));) {
        if (*word)
            error = take_setting(template, word, where, ret_error);
    }
    return error;
}

int config_set_template(struct config *config, const char *name, size_t length, const char *line,
                        const char *where, unsigned *ret_index, struct config_error *ret_error)
{
    CLEANUP(cleanup_template) struct config_template template = {0};
    int shown = (int)(length > 64 ? 64 : length);
    if (take_name(name, length, &template) < 0)
        return config_refuse(ret_error,
                             "%s: %.*s names no template: 1 to %d of A-Z 0-9 and _ inside, and not CODE",
                             where, shown, name, TEMPLATE_NAME_MAX);
    char in[CONFIG_ERROR_MAX / 2];
    snprintf(in, sizeof(in), "%s: %.*s", where, shown, name);
    int error = take_line(&template, line, in, ret_error);
    if (error)
        return error;
    int index = config_find_template(config, template.name);
    if (index < 0 && config->template_count == CONFIG_TEMPLATES_MAX)
        return config_refuse(ret_error, "%s: more than %d templates", where, CONFIG_TEMPLATES_MAX);
    unsigned place = index < 0 ? config->template_count++ : (unsigned)index;
    free_template(&config->templates[place]);
    config->templates[place] = template;
    template = (struct config_template){0};
    *ret_index = place;
    return 0;
}

unsigned config_template_count(const struct config *config)
{
    return config->template_count;
}

const char *config_template_name(const struct config *config, unsigned template_index)
{
    return config->templates[template_index].name;
}

const char *config_template_line(const struct config *config, unsigned template_index)
{
    return config->templates[template_index].line;
}

int config_find_template(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->template_count; i++) {
        if (strcmp(config->templates[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

bool config_same_templates(const struct config *config, const struct config *other)
{
    bool same = config->template_count == other->template_count;
    for (unsigned i = 0; same && i < config->template_count; i++) {
        const struct config_template *a = &config->templates[i], *b = &other->templates[i];
        same = strcmp(a->name, b->name) == 0 && strcmp(a->line ? a->line : "", b->line ? b->line : "") == 0;
    }
    return same;
}

const char *config_template_text(const struct config *config, unsigned template_index, enum config_key key)
{
    const char *own = config->templates[template_index].values[key];
    return own ? own : config_text(config, key);
}

int64_t config_template_number(const struct config *config, unsigned template_index, enum config_key key)
{
    // Checked when it was set.
    return strtoll(config_template_text(config, template_index, key), NULL, 10);
}

bool config_template_switch(const struct config *config, unsigned template_index, enum config_key key)
{
    return strcmp(config_template_text(config, template_index, key), "true") == 0;
}

int config_check_templates(const struct config *config, struct config_error *ret_error)
{
    static const enum config_key sizes[] = {CONFIG_DISPLAY_MAX_WIDTH, CONFIG_DISPLAY_MAX_HEIGHT};
    for (unsigned i = 0; i < config->template_count; i++) {
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            if (config_template_number(config, i, sizes[j]) > config_number(config, sizes[j]))
                return config_refuse(ret_error,
                                     "template %s: %s is more than the %s of all desktops, which is the size "
                                     "of the picture that each of them has",
                                     config->templates[i].name, config_entry(sizes[j])->name,
                                     config_entry(sizes[j])->name);
        }
    }
    return 0;
}

void config_init_templates(struct config *config)
{
    memcpy(config->templates[0].name, STANDARD, sizeof(STANDARD));
    config->template_count = 1;
}
