#pragma once
// What config.c (values), config_read.c (where they come from) and config_template.c (what they are for one kind of desktop) share.

#include "lib/config.h"

struct config_template {
    char name[TEMPLATE_NAME_MAX + 1];
    char *line;                     // as it was given; NULL: the standard one, without a line
    char *values[CONFIG_KEY_COUNT]; // NULL: as for all
};

struct config {
    char *values[CONFIG_KEY_COUNT]; // NULL: the default
    struct config_template templates[CONFIG_TEMPLATES_MAX];
    unsigned template_count; // never 0: the first one is "desktop"
};

__attribute__((format(printf, 2, 3))) int config_refuse(struct config_error *ret_error, const char *format,
                                                        ...);
// -1 when there is no such key.
int config_find(const char *name, size_t length);
int config_refuse_unknown(const char *name, size_t length, const char *where, struct config_error *ret_error);
// `where` begins the error's line.
int config_check_value(const struct config_entry *entry, const char *value, const char *where,
                       struct config_error *ret_error);
int config_set(struct config *config, int key, const char *value, const char *where,
               struct config_error *ret_error);

// A name that begins with CONFIG_TEMPLATE_PREFIX, and its line: another kind of desktop, or what is different for one. ret_index: which.
#define CONFIG_TEMPLATE_PREFIX "TEMPLATE_"
bool config_names_template(const char *name, size_t length);
int config_set_template(struct config *config, const char *name, size_t length, const char *line,
                        const char *where, unsigned *ret_index, struct config_error *ret_error);
void config_init_templates(struct config *config);
void config_free_templates(struct config *config);
