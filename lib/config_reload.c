#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/config_values.h"

// What nothing was built from: each is read anew whenever it is needed, or put into force by server/reload.c.
static const enum config_key live[] = {
    CONFIG_ALLOWED_ORIGINS,
    CONFIG_TRUSTED_PROXIES,
    CONFIG_JWT_ACCESS_EXPIRY,
    CONFIG_JWT_REFRESH_EXPIRY,
    CONFIG_SANDBOX_SESSION_TIMEOUT_SECS,
    CONFIG_SANDBOX_IDLE_TIMEOUT_SECS,
    CONFIG_SANDBOX_WARNING_SECS,
    CONFIG_SANDBOX_MAX_PER_USER,
    CONFIG_STORAGE_FREE_MIN_MB,
    CONFIG_CERTIFICATE_FILE,
    CONFIG_BACKUP_DIR,
    CONFIG_LOG_LEVEL,
    CONFIG_LOG_FORMAT,
};

bool config_is_live(enum config_key key)
{
    for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
        if (live[i] == key)
            return true;
    }
    return false;
}

static void cleanup_config(struct config **config)
{
    config_free(*config);
}

static int copy_value(struct config *config, const struct config *running, enum config_key key)
{
    config_value_free(&config->values[key], config_entry(key)->secret);
    if (!running->values[key])
        return 0;
    config->values[key] = strdup(running->values[key]);
    return config->values[key] ? 0 : -ENOMEM;
}

// Says of each key what becomes of it, and leaves in `config` what is to be in force.
static int settle(struct config *config, const struct config *running, struct config_changes *ret_changes)
{
    struct config_changes changes = {0};
    int error = 0;
    for (enum config_key key = 0; !error && key < CONFIG_KEY_COUNT; key++) {
        // The environment's secrets were taken out of it when they were first read.
        bool gone = config_entry(key)->secret && !config->values[key];
        bool same = gone || strcmp(config_text(config, key), config_text(running, key)) == 0;
        changes.taken[key] = !same && config_is_live(key);
        changes.waiting[key] = !same && !config_is_live(key);
        if (gone || changes.waiting[key])
            error = copy_value(config, running, key);
    }
    *ret_changes = changes;
    return error;
}

int config_reload(const struct config *running, struct config **ret_config,
                  struct config_changes *ret_changes, struct config_error *ret_error)
{
    CLEANUP(cleanup_config) struct config *config = config_new();
    int error = config ? 0 : -ENOMEM;
    for (int i = 0; !error && i < CONFIG_FILES; i++) {
        if (!running->paths[i])
            continue;
        config->paths[i] = strdup(running->paths[i]);
        error = config->paths[i]
                    ? config_read_file(config, running->paths[i], i == CONFIG_FILE_SECRETS, ret_error)
                    : -ENOMEM;
    }
    if (!error)
        error = config_read_environment(config, ret_error);
    if (!error)
        error = settle(config, running, ret_changes);
    if (error == -ENOMEM)
        snprintf(ret_error->text, sizeof(ret_error->text), "out of memory");
    if (error)
        return -EINVAL;
    *ret_config = steal_pointer(&config);
    return 0;
}
