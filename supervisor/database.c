#include "supervisor/database.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "supervisor/message.h"
#include "supervisor/tree.h"

#define DEBIAN_VERSIONS "/usr/lib/postgresql"
#define CLUSTER "database"
#define UNFINISHED_CLUSTER "database.new"

enum { VERSION_MIN = 15, PREDECESSOR_SECONDS = 30 };

static int installed_version(int only)
{
    DIR *versions = opendir(DEBIAN_VERSIONS);
    struct dirent *entry;
    char path[64];
    int best = -ENOENT;

    while (versions && (entry = readdir(versions))) {
        char *end;
        long version = strtol(entry->d_name, &end, 10);
        if (*end != '\0' || version < VERSION_MIN || version > 999 || (only && version != only))
            continue;
        snprintf(path, sizeof(path), DEBIAN_VERSIONS "/%ld/bin/initdb", version);
        if (version > best && access(path, X_OK) == 0)
            best = (int)version;
    }
    if (versions)
        closedir(versions);
    return best;
}

static int cluster_version(const struct state_dir *state)
{
    AUTO_FREE char *text = NULL;
    size_t length;
    int result = read_file_at(state->fd, CLUSTER "/PG_VERSION", 16, &text, &length);

    return result < 0 ? result : (int)strtol(text, NULL, 10);
}

static int find_binaries(const struct state_dir *state, struct database *database)
{
    int wanted = 0;

    database->exists = faccessat(state->fd, CLUSTER, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (database->exists) {
        wanted = cluster_version(state);
        if (wanted <= 0) {
            say("the embedded database has no readable PG_VERSION: restore the directory 'database' from a "
                "backup");
            return -1;
        }
    }
    int version = installed_version(wanted);
    if (version < 0 && wanted > 0)
        say("the embedded database was made by PostgreSQL %d: install the package postgresql-%d", wanted,
            wanted);
    else if (version < 0)
        say("PostgreSQL %d or later isn't installed: run scripts/setup, or set DATABASE_URL", VERSION_MIN);
    if (version < 0)
        return -1;
    snprintf(database->binaries, sizeof(database->binaries), DEBIAN_VERSIONS "/%d/bin", version);
    return 0;
}

static int write_access_file(const struct state_dir *state, const char *name, const char *text)
{
    AUTO_FD int fd = openat(state->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0)
        return -errno;
    return write_all(fd, text, strlen(text));
}

// The caller frees it; NULL when the uid has no name.
static char *user_name(uid_t uid)
{
    const struct passwd *record = getpwuid(uid);
    return record ? strdup(record->pw_name) : NULL;
}

// Peer authentication: the kernel names the user at the other end of the socket, and the map says which role
// it may take.
static int write_access_rules(const struct settings *settings, const struct state_dir *state)
{
    AUTO_FREE char *map = NULL;
    AUTO_FREE char *cluster_user = user_name(settings->identities.database.uid);
    AUTO_FREE char *server_user = user_name(settings->identities.server.uid);
    AUTO_FREE char *operator_user = user_name(settings->identities.operator.uid);

    if (!cluster_user || !server_user || !operator_user)
        return -ENOENT;
    if (asprintf(&map,
                 "server \"%s\" " DATABASE_NAME "\n"
                 "server \"%s\" " DATABASE_NAME "\n"
                 "server \"%s\" postgres\n",
                 server_user, operator_user, cluster_user) < 0)
        return -ENOMEM;
    int result = write_access_file(state, "run/access/pg_hba.conf", "local all all peer map=server\n");
    return result < 0 ? result : write_access_file(state, "run/access/pg_ident.conf", map);
}

// PostgreSQL works in its cluster's directory.
static bool works_in_cluster(const struct state_dir *state, pid_t pid)
{
    struct stat work, cluster;
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
    return stat(path, &work) == 0 && fstatat(state->fd, CLUSTER, &cluster, AT_SYMLINK_NOFOLLOW) == 0 &&
           work.st_dev == cluster.st_dev && work.st_ino == cluster.st_ino;
}

// When supervisor and sweeper are both killed, the database server may still be at its shutdown, and a second one would
// refuse to start beside it.
static int wait_for_predecessor(const struct state_dir *state)
{
    AUTO_FREE char *text = NULL;
    size_t length;

    if (read_file_at(state->fd, CLUSTER "/postmaster.pid", 4096, &text, &length) < 0)
        return 0;
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    AUTO_FD int fd = pid > 1 ? pidfd_open(pid, 0) : -1;
    if (fd < 0 || !works_in_cluster(state, pid))
        return 0;
    struct pollfd end = {.fd = fd, .events = POLLIN};
    say("waiting for the database server of a killed predecessor to end");
    if (poll(&end, 1, PREDECESSOR_SECONDS * 1000) == 1)
        return 0;
    say("the database server of a killed predecessor (process %d) still runs after %d s: stop it", (int)pid,
        PREDECESSOR_SECONDS);
    return -1;
}

static int make_unfinished(const struct settings *settings, const struct state_dir *state)
{
    const struct identity *user = &settings->identities.database;
    int result = tree_remove(state->fd, UNFINISHED_CLUSTER);

    if (result < 0)
        return result;
    if (mkdirat(state->fd, UNFINISHED_CLUSTER, 0700) < 0)
        return -errno;
    if (settings->as_root &&
        fchownat(state->fd, UNFINISHED_CLUSTER, user->uid, user->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

int database_prepare(const struct settings *settings, const struct state_dir *state,
                     struct database *ret_database)
{
    struct database database = {0};

    if (find_binaries(state, &database) < 0 || wait_for_predecessor(state) < 0)
        return -1;
    int result = write_access_rules(settings, state);
    if (result < 0) {
        say("can't write the access rules of the embedded database (%s): the user needs a name in "
            "/etc/passwd",
            strerror(-result));
        return -1;
    }
    result = database.exists ? 0 : make_unfinished(settings, state);
    if (result < 0) {
        say("can't make %s/" UNFINISHED_CLUSTER " (%s)", settings->state_dir, strerror(-result));
        return -1;
    }
    *ret_database = database;
    return 0;
}

static int common_parts(const struct settings *settings, const struct database *database, const char *binary,
                        struct program *program)
{
    program->identity = settings->identities.database;
    snprintf(program->log_path, sizeof(program->log_path), "%s/log/postgres.log", settings->state_dir);
    int result = program_add_argument(program, "%s/%s", database->binaries, binary);
    if (result == 0)
        result = program_add_environment(program, "PATH=%s:/usr/bin:/bin", database->binaries);
    if (result == 0)
        result = program_add_environment(program, "LC_ALL=C.UTF-8");
    return result;
}

static int add_options(struct program *program, const char *const *options, size_t count)
{
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        result = program_add_argument(program, "-c");
        if (result == 0)
            result = program_add_argument(program, "%s", options[i]);
    }
    return result;
}

int database_plan_create(const struct settings *settings, const struct database *database,
                         struct program *program)
{
    static const char *const arguments[] = {
        "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=peer", "--data-checksums",
    };

    *program = (struct program){.name = "initdb",
                                .kind = PROGRAM_TASK,
                                .stop_signal = SIGTERM,
                                .ready_seconds = 120,
                                .stop_seconds = 5};
    int result = common_parts(settings, database, "initdb", program);
    if (result == 0)
        result = program_add_argument(program, "--pgdata=%s/" UNFINISHED_CLUSTER, settings->state_dir);
    for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]) && result == 0; i++)
        result = program_add_argument(program, "%s", arguments[i]);
    return result;
}

int database_plan_fill(const struct settings *settings, const struct database *database,
                       struct program *program)
{
    // The single-user server takes one statement per line and has no listener, so nobody can meet a half-made
    // cluster.
    static const char statements[] = "CREATE ROLE " DATABASE_NAME " LOGIN;\n"
                                     "CREATE DATABASE " DATABASE_NAME " OWNER " DATABASE_NAME ";\n";
    static const char *const options[] = {"exit_on_error=on", "log_checkpoints=off"};

    *program = (struct program){.name = "postgres --single",
                                .kind = PROGRAM_TASK,
                                .input = statements,
                                .stop_signal = SIGTERM,
                                .ready_seconds = 120,
                                .stop_seconds = 5};
    int result = common_parts(settings, database, "postgres", program);
    if (result == 0)
        result = program_add_argument(program, "--single");
    if (result == 0)
        result = program_add_argument(program, "-D%s/" UNFINISHED_CLUSTER, settings->state_dir);
    if (result == 0)
        result = add_options(program, options, sizeof(options) / sizeof(options[0]));
    return result < 0 ? result : program_add_argument(program, "postgres");
}

int database_plan_serve(const struct settings *settings, const struct database *database,
                        struct program *program)
{
    // Given here and not in the cluster's own files: root never writes into a directory that another user
    // owns.
    static const char *const options[] = {
        "listen_addresses=", "shared_buffers=32MB", "max_connections=40",    "max_wal_size=256MB",
        "jit=off",           "log_checkpoints=off", "logging_collector=off",
    };
    static const char *const paths[][2] = {
        {"unix_socket_directories", "run/postgres"},
        {"hba_file", "run/access/pg_hba.conf"},
        {"ident_file", "run/access/pg_ident.conf"},
    };

    // SIGINT is PostgreSQL's fast shutdown: sessions are ended, the next start needs no recovery.
    *program = (struct program){.name = "postgres",
                                .kind = PROGRAM_SERVICE,
                                .stop_signal = SIGINT,
                                .ready_seconds = 300,
                                .stop_seconds = 20};
    int result = common_parts(settings, database, "postgres", program);
    if (result == 0)
        result = program_add_argument(program, "-D%s/" CLUSTER, settings->state_dir);
    if (result == 0)
        result = add_options(program, options, sizeof(options) / sizeof(options[0]));
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && result == 0; i++) {
        result = program_add_argument(program, "-c");
        if (result == 0)
            result = program_add_argument(program, "%s=%s/%s", paths[i][0], settings->state_dir, paths[i][1]);
    }
    return result;
}

int database_commit(const struct state_dir *state)
{
    if (renameat(state->fd, UNFINISHED_CLUSTER, state->fd, CLUSTER) < 0 || fsync(state->fd) < 0)
        return -errno;
    return 0;
}
