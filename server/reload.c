#include "server/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/log.h"

// Read by the loop at each use and by no worker. Limits of a sandbox are missing: sandboxd holds their maximums, and isn't reloaded.
static const enum config_key reloadable[] = {
    CONFIG_ALLOWED_ORIGINS,
    CONFIG_TRUSTED_PROXIES,
    CONFIG_JWT_ACCESS_EXPIRY,
    CONFIG_SANDBOX_SESSION_TIMEOUT_SECS,
    CONFIG_SANDBOX_IDLE_TIMEOUT_SECS,
    CONFIG_SANDBOX_WARNING_SECS,
    CONFIG_SANDBOX_MAX_PER_USER,
    CONFIG_CERTIFICATE_FILE,
    CONFIG_LOG_LEVEL,
    CONFIG_LOG_FORMAT,
};

static void cleanup_config(struct config **config)
{
    config_free(*config);
}

static bool is_reloadable(enum config_key key)
{
    for (size_t i = 0; i < sizeof(reloadable) / sizeof(reloadable[0]); i++) {
        if (reloadable[i] == key)
            return true;
    }
    return false;
}

static void adopt(struct config *config, const struct config *fresh)
{
    if (!config_same_templates(config, fresh))
        log_warning("A changed setting waits for a restart", {"key", "TEMPLATE_..."});
    for (enum config_key key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_entry *entry = config_entry(key);
        if (strcmp(config_text(config, key), config_text(fresh, key)) == 0)
            continue;
        if (!is_reloadable(key)) {
            // A secret that came by the environment was removed from there, and only looks as if it had gone.
            if (!entry->secret)
                log_warning("A changed setting waits for a restart", {"key", entry->name});
        } else if (config_adopt(config, fresh, key)) {
            log_info("A setting was changed", {"key", entry->name}, {"value", config_text(config, key)});
        } else {
            log_error("A setting can't be changed", {"key", entry->name}, {"error", strerror(ENOMEM)});
        }
    }
}

void reload_configuration(struct config *config, int argc, char *const *argv)
{
    CLEANUP(cleanup_config) struct config *fresh = config_new();
    AUTO_FREE char **arguments = calloc((size_t)argc + 1, sizeof(*arguments));
    struct config_error wrong = {.text = "out of memory"};
    int error = -ENOMEM;
    if (fresh && arguments) {
        memcpy(arguments, argv, sizeof(*arguments) * (size_t)argc);
        error = config_load(fresh, &argc, arguments, &wrong);
    }
    if (error) {
        log_error("The configuration stays as it was", {"problem", wrong.text});
        return;
    }
    adopt(config, fresh);
    config_open_log(config, "sandbox-server");
    log_info("The configuration was read again");
}
