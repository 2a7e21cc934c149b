#include "supervisor/settings.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "supervisor/message.h"

#define SYSTEM_STATE_DIR "/var/lib/sandbox-server"

static int make_directories(const char *path)
{
    char part[PATH_MAX];
    size_t length = strlen(path);

    if (length >= sizeof(part))
        return -ENAMETOOLONG;
    memcpy(part, path, length + 1);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdir(part, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int wanted_state_dir(bool as_root, char *path, size_t size)
{
    const char *given = getenv("STATE_DIR"), *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int length;

    if (given && given[0] != '\0')
        length = snprintf(path, size, "%s", given);
    else if (as_root)
        length = snprintf(path, size, "%s", SYSTEM_STATE_DIR);
    else if (base && base[0] == '/')
        length = snprintf(path, size, "%s/sandbox-server", base);
    else if (home && home[0] == '/')
        length = snprintf(path, size, "%s/.local/state/sandbox-server", home);
    else
        return -ENOENT;
    return length < (int)size ? 0 : -ENAMETOOLONG;
}

// The path goes into a connection string, PostgreSQL's lists and access files: a character that any of them
// would need quoted is refused rather than quoted in three ways.
static bool is_harmless(const char *path)
{
    for (const char *c = path; *c; c++) {
        if (!isascii(*c) || (!isalnum((unsigned char)*c) && !strchr("/._-", *c)))
            return false;
    }
    return true;
}

static int find_state_dir(struct settings *settings)
{
    char wanted[PATH_MAX], real[PATH_MAX];
    int result = wanted_state_dir(settings->as_root, wanted, sizeof(wanted));

    if (result == -ENOENT) {
        say("set STATE_DIR (or HOME) to say where the state is kept");
        return -1;
    }
    if (result == 0)
        result = make_directories(wanted);
    if (result == 0 && !realpath(wanted, real))
        result = -errno;
    if (result < 0) {
        say("can't make the state directory %s (%s): set STATE_DIR to a directory that you can write", wanted,
            strerror(-result));
        return -1;
    }
    if (!is_harmless(real)) {
        say("STATE_DIR %s has a character other than letters, digits and / . _ -: choose another path", real);
        return -1;
    }
    if (strlen(real) > STATE_DIR_MAX) {
        say("STATE_DIR %s is too long for the sockets inside: choose a path of at most %d bytes", real,
            (int)STATE_DIR_MAX);
        return -1;
    }
    memcpy(settings->state_dir, real, strlen(real) + 1);
    return 0;
}

// The programs stand beside this one: <program_dir>/bin/sandbox-supervisor.
static int find_programs(struct settings *settings)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (length < 0) {
        say("can't read /proc/self/exe (%s): mount /proc", strerror(errno));
        return -1;
    }
    path[length] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
    }
    if (strlen(path) > PROGRAM_DIR_MAX) {
        say("the programs' path %s is too long: install them in a path of at most %d bytes", path,
            PROGRAM_DIR_MAX);
        return -1;
    }
    memcpy(settings->program_dir, path, strlen(path) + 1);
    return 0;
}

static int load_config(struct settings *settings)
{
    struct config_error error;
    char path[STATE_DIR_MAX + sizeof("/config.env")];

    settings->config = config_new();
    if (!settings->config) {
        say("out of memory");
        return -1;
    }
    snprintf(path, sizeof(path), "%s/config.env", settings->state_dir);
    int result = 0;
    if (access(path, F_OK) == 0)
        result = config_read_file(settings->config, path, false, &error);
    if (result == 0)
        result = config_read_environment(settings->config, &error);
    if (result < 0) {
        say("%s", error.text);
        return -1;
    }
    settings->embedded_database = config_text(settings->config, CONFIG_DATABASE_URL)[0] == '\0';
    return 0;
}

static int find_identities(struct settings *settings)
{
    const uint64_t make_sandboxes = UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID;
    struct identities *identities = &settings->identities;
    const struct {
        const char *name;
        uint64_t capabilities;
        struct identity *identity;
    } users[] = {
        {"sandbox-server", 0, &identities->server},
        {"sandboxd", make_sandboxes, &identities->sandboxd},
        {"sandbox-postgres", 0, &identities->database},
    };

    identities->operator= identity_unchanged();
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        *users[i].identity = identities->operator;
        if (!settings->as_root)
            continue;
        int result = identity_of_system_user(users[i].name, users[i].capabilities, users[i].identity);
        if (result < 0) {
            say("no usable system user %s (%s): run scripts/setup as root", users[i].name, strerror(-result));
            return -1;
        }
    }
    return 0;
}

int settings_load(struct settings *ret_settings)
{
    struct settings settings = {.as_root = geteuid() == 0};

    if (find_programs(&settings) < 0 || find_state_dir(&settings) < 0 || find_identities(&settings) < 0 ||
        load_config(&settings) < 0) {
        settings_free(&settings);
        return -1;
    }
    *ret_settings = settings;
    return 0;
}

void settings_free(struct settings *settings)
{
    config_free(settings->config);
    *settings = (struct settings){0};
}

static void cleanup_addresses(struct addrinfo **addresses)
{
    if (*addresses)
        freeaddrinfo(*addresses);
}

int settings_check_listen(const struct settings *settings)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    CLEANUP(cleanup_addresses) struct addrinfo *addresses = NULL;
    const char *host = config_text(settings->config, CONFIG_HOST);
    int port = (int)config_number(settings->config, CONFIG_PORT), on = 1;
    char service[8];

    snprintf(service, sizeof(service), "%d", port);
    int error = getaddrinfo(host, service, &hints, &addresses);
    if (error != 0) {
        say("HOST %s is no address of this machine (%s): set HOST, for instance to 127.0.0.1", host,
            gai_strerror(error));
        return -1;
    }
    AUTO_FD int fd = socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, addresses->ai_addr, addresses->ai_addrlen) < 0 || listen(fd, 1) < 0) {
        if (errno == EADDRINUSE)
            say("port %d on %s is in use: stop what listens there or set PORT to a free one", port, host);
        else
            say("can't listen on %s port %d (%s): set HOST and PORT", host, port, strerror(errno));
        return -1;
    }
    return 0;
}

const char *settings_public_host(const struct settings *settings)
{
    static const char *const local[] = {"127.0.0.1", "::1", "0.0.0.0", "::"};
    const char *host = config_text(settings->config, CONFIG_HOST);

    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        if (strcmp(host, local[i]) == 0)
            return "localhost";
    }
    return host;
}
