#include "server/reload.h"

#include <stdlib.h>

#include "lib/log.h"
#include "server/origin.h"
#include "server/server.h"

// A worker may read a replaced configuration until its job is done, and texts of it are borrowed in many places: they are few, small, and an
// operator's doing, so they stay.
struct replaced {
    struct replaced *next;
    struct config *config;
};

static const char *check(const struct config *config, struct networks *ret_proxies)
{
    if (!origin_list_valid(config_text(config, CONFIG_ALLOWED_ORIGINS)))
        return "ALLOWED_ORIGINS must be origins like https://desk.example.org, separated by spaces";
    if (networks_parse(config_text(config, CONFIG_TRUSTED_PROXIES), ret_proxies) < 0)
        return "TRUSTED_PROXIES must be addresses and networks, separated by spaces";
    return NULL;
}

static void report(const struct config_changes *changes)
{
    for (enum config_key key = 0; key < CONFIG_KEY_COUNT; key++) {
        if (changes->taken[key])
            log_info("A setting has changed", {"name", config_entry(key)->name});
        if (changes->waiting[key])
            log_warning("A setting has changed that needs a restart; the old value holds until then",
                        {"name", config_entry(key)->name});
    }
}

void reload(struct server *server)
{
    struct config *config;
    struct config_changes changes;
    struct config_error wrong;
    struct networks proxies;
    struct replaced *replaced = calloc(1, sizeof(*replaced));
    if (!replaced || config_reload(server->config, &config, &changes, &wrong) < 0) {
        log_error("The configuration was not read again; the old one holds",
                  {"reason", replaced ? wrong.text : "out of memory"});
        free(replaced);
        return;
    }
    const char *problem = check(config, &proxies);
    if (problem) {
        log_error("The configuration was not read again; the old one holds", {"reason", problem});
        free(replaced);
        config_free(config);
        return;
    }
    *replaced = (struct replaced){.next = server->replaced, .config = config};
    server->replaced = replaced;
    server->config = config;
    server->trusted_proxies = proxies;
    config_open_log(config, "sandbox-server");
    log_info("The configuration was read again");
    report(&changes);
}

void reload_finish(struct server *server)
{
    while (server->replaced) {
        struct replaced *replaced = server->replaced;
        server->replaced = replaced->next;
        config_free(replaced->config);
        free(replaced);
    }
}
