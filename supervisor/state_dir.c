#include "supervisor/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "supervisor/message.h"
#include "supervisor/secrets.h"
#include "supervisor/tree.h"

enum { PREDECESSOR_SECONDS = 30 };

enum owner { OWNER_OPERATOR, OWNER_SERVER, OWNER_SANDBOXD, OWNER_DATABASE };

static const struct entry {
    const char *path;
    enum owner user, group;
    mode_t mode;
} entries[] = {
    {"run", OWNER_OPERATOR, OWNER_OPERATOR, 0755},
    {"run/notify", OWNER_OPERATOR, OWNER_OPERATOR, 0755},
    {"run/access", OWNER_OPERATOR, OWNER_OPERATOR, 0755},
    // Group sandbox-server may enter; the group of a socket made inside follows the directory's.
    {"run/postgres", OWNER_DATABASE, OWNER_SERVER, 02750},
    {"run/sandboxd", OWNER_SANDBOXD, OWNER_SERVER, 02750},
    {"homes", OWNER_SANDBOXD, OWNER_SANDBOXD, 0711},
    {"recordings", OWNER_SERVER, OWNER_SERVER, 0700},
    {"log", OWNER_OPERATOR, OWNER_OPERATOR, 0755},
};

static const struct identity *owner(const struct settings *settings, enum owner owner)
{
    const struct identities *all = &settings->identities;

    switch (owner) {
    case OWNER_SERVER:
        return &all->server;
    case OWNER_SANDBOXD:
        return &all->sandboxd;
    case OWNER_DATABASE:
        return &all->database;
    case OWNER_OPERATOR:
        break;
    }
    return &all->operator;
}

static int make_entry(const struct settings *settings, int state_fd, const struct entry *entry)
{
    uid_t uid = owner(settings, entry->user)->uid;
    gid_t gid = owner(settings, entry->group)->gid;

    if (mkdirat(state_fd, entry->path, 0700) < 0 && errno != EEXIST)
        return -errno;
    AUTO_FD int fd = openat(state_fd, entry->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (settings->as_root && fchown(fd, uid, gid) < 0)
        return -errno;
    return fchmod(fd, entry->mode) < 0 ? -errno : 0;
}

static int make_entries(const struct settings *settings, int state_fd)
{
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        int result = make_entry(settings, state_fd, &entries[i]);
        if (result < 0) {
            say("can't make %s/%s (%s): check the owner and the free space of the state directory",
                settings->state_dir, entries[i].path, strerror(-result));
            return -1;
        }
    }
    return 0;
}

static int check_reach(const struct settings *settings)
{
    const struct identity *users[] = {&settings->identities.server, &settings->identities.sandboxd,
                                      &settings->identities.database};
    const char *paths[] = {settings->state_dir, settings->program_dir};

    for (size_t user = 0; settings->as_root && user < 3; user++) {
        for (size_t path = 0; path < 2; path++) {
            size_t length;
            int result = identity_reaches(users[user], paths[path], &length);
            if (result == 0)
                continue;
            if (result < 0)
                say("can't become user %s (%s): start as root with all its capabilities, or as a plain user",
                    users[user]->name, strerror(-result));
            else
                say("user %s can't enter %.*s: allow it (chmod o+x) or set STATE_DIR to another place",
                    users[user]->name, (int)length, paths[path]);
            return -1;
        }
    }
    return 0;
}

static void on_alarm(int signal)
{
    (void)signal; // its arrival interrupts flock()
}

static int lock_within(int fd, int seconds)
{
    struct sigaction action = {.sa_handler = on_alarm}, before;
    // A repeating timer: an alarm that comes just before flock() blocks isn't the last one.
    struct itimerval timer = {.it_value.tv_sec = seconds, .it_interval.tv_sec = 1}, none = {0};
    int error = 0;

    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &timer, NULL);
    if (flock(fd, LOCK_EX) < 0)
        error = errno;
    setitimer(ITIMER_REAL, &none, NULL);
    sigaction(SIGALRM, &before, NULL);
    return -error;
}

static int take_locks(const char *path, struct state_dir *state)
{
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;

    state->lock_fd = openat(state->fd, "lock", flags, 0600);
    state->ending_fd = openat(state->fd, "ending.lock", flags, 0600);
    if (state->lock_fd < 0 || state->ending_fd < 0) {
        say("can't open the lock in %s (%s): start as the user that owns it", path, strerror(errno));
        return -1;
    }
    if (flock(state->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        say("another sandbox-supervisor already uses %s: stop it, or set STATE_DIR and PORT for a second one",
            path);
        return -1;
    }
    if (flock(state->ending_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    say("waiting for the programs of a killed predecessor to end");
    if (lock_within(state->ending_fd, PREDECESSOR_SECONDS) < 0) {
        say("programs of a killed predecessor in %s still run after %d s: stop them", path,
            PREDECESSOR_SECONDS);
        return -1;
    }
    return 0;
}

static int prepare(const struct settings *settings, struct state_dir *state)
{
    const struct identity *server = &settings->identities.server;

    state->fd = open(settings->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state->fd < 0) {
        say("can't open %s (%s)", settings->state_dir, strerror(errno));
        return -1;
    }
    if (take_locks(settings->state_dir, state) < 0 || check_reach(settings) < 0)
        return -1;
    int result = tree_remove(state->fd, "run"); // left over after a power loss
    if (result < 0) {
        say("can't remove %s/run (%s): remove it", settings->state_dir, strerror(-result));
        return -1;
    }
    if (make_entries(settings, state->fd) < 0)
        return -1;
    result = secrets_create(state->fd, server->uid, server->gid);
    if (result < 0) {
        say("can't write %s/secrets.env (%s)", settings->state_dir, strerror(-result));
        return -1;
    }
    return 0;
}

int state_dir_open(const struct settings *settings, struct state_dir *ret_state)
{
    struct state_dir state = {.fd = -1, .lock_fd = -1, .ending_fd = -1};

    if (prepare(settings, &state) < 0) {
        state_dir_close(&state);
        return -1;
    }
    *ret_state = state;
    return 0;
}

int state_dir_remove_run(const struct state_dir *state)
{
    return tree_remove(state->fd, "run");
}

void state_dir_close(struct state_dir *state)
{
    cleanup_fd(&state->fd);
    cleanup_fd(&state->lock_fd);
    cleanup_fd(&state->ending_fd);
    *state = (struct state_dir){.fd = -1, .lock_fd = -1, .ending_fd = -1};
}
