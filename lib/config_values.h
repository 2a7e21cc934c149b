#pragma once
// What a configuration consists of; private to lib/config*.c.

#include "lib/config.h"

enum config_file { CONFIG_FILE_PLAIN, CONFIG_FILE_SECRETS, CONFIG_FILES };

struct config {
    char *values[CONFIG_KEY_COUNT]; // NULL: the default
    char *paths[CONFIG_FILES];      // that it was loaded from; NULL: none
};

struct config_lines {
    const char *text;
    size_t length;
    const char *name;
    bool secrets;
};

void config_value_free(char **value, bool secret);
// `found` NULL: the first wrong line ends it with -EINVAL; else each one is told and the others count.
int config_read_lines(struct config *config, const struct config_lines *lines, config_found *found,
                      void *data, struct config_error *ret_error);
