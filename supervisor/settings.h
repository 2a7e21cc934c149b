#pragma once
// What the operator asked for, checked, and the paths that follow from it.

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "lib/config.h"
#include "supervisor/identity.h"

// The longest socket path below it must fit a sockaddr_un.
#define LONGEST_SOCKET_BELOW_STATE_DIR "/run/notify/sandbox-server"
enum {
    STATE_DIR_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof(LONGEST_SOCKET_BELOW_STATE_DIR),
    PROGRAM_DIR_MAX = 512,
};

struct identities {
    struct identity operator, server, sandboxd, database;
};

struct settings {
    struct config *config;
    char state_dir[STATE_DIR_MAX + 1];     // absolute, without symbolic links, of harmless characters only
    char program_dir[PROGRAM_DIR_MAX + 1]; // holds bin/, share/ …
    bool as_root;
    bool embedded_database; // no DATABASE_URL was given
    struct identities identities;
};

// Reads STATE_DIR and the configuration and makes the state directory itself when it doesn't exist. Says what
// is wrong; -1 then.
int settings_load(struct settings *ret_settings);
void settings_free(struct settings *settings);

// The first address of HOST and PORT can be listened on right now. Says why not; -1 then.
int settings_check_listen(const struct settings *settings);
// The host as a browser on this machine would name it.
const char *settings_public_host(const struct settings *settings);
