#pragma once
// What every command is given.

#include <stdbool.h>

#include "ctl/options.h"
#include "lib/config.h"
#include "store/store.h"

enum status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    // Of `status`, for scripts.
    STATUS_NOT_READY = 4, // it lives, and something that it needs does not
    STATUS_DRAINING = 5,
    STATUS_DOWN = 6,    // nobody answers
    STATUS_PARTIAL = 7, // restored, but for what the file system does not take
    STATUS_EXISTS = 3,  // the username is taken: a script that wants it to exist can go on
};

struct context {
    const char *program; // the name it was called by
    struct config *config;
    const char *secrets_path; // of --secrets; NULL: none
    const char *config_path;  // of --config, or the system's; NULL: none
    bool packaged;            // it is the system's (ctl/system.h)
    const char
        *config_problem; // why the configuration could not be read; NULL: it was. Only doctor runs with one
    struct store *store; // NULL: the command needs no database, or DATABASE_URL is not set
    struct options options;
};

// One line on stderr, with the program's name before it.
__attribute__((format(printf, 2, 3))) void complain(const struct context *context, const char *format, ...);

// Says why a call of store/ failed and what to do. Returns STATUS_FAILED.
int complain_store(const struct context *context, int error);

// The directory of migrations that belongs to this program: beside it when installed. `buffer` holds `size`
// bytes; 0 or -errno.
int context_migrations(const struct context *context, char *buffer, size_t size);
// The directory of this program's own file. 0 or -errno.
int context_own_directory(char *buffer, size_t size);
// The directory of the other programs by that configuration: PROGRAM_DIR, or the own one. 0 or -errno.
int context_programs(const struct config *config, char *buffer, size_t size);
