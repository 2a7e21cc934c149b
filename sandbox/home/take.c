// A home on its way from one host uid to another, and into a sandbox.

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/ids.h"
#include "lib/ipc.h"
#include "sandbox/home/home.h"

#define JOURNAL_PREFIX ".moving-"
#define JOURNAL_NAME_MAX 64
#define UID_TEXT_MAX 16

static int journal_name(const char *name, char *journal)
{
    int length = snprintf(journal, JOURNAL_NAME_MAX, JOURNAL_PREFIX "%s", name);
    return length < JOURNAL_NAME_MAX ? 0 : -ENAMETOOLONG;
}

uid_t home_journal_uid(int storage, const char *entry)
{
    char text[UID_TEXT_MAX];
    if (strncmp(entry, JOURNAL_PREFIX, strlen(JOURNAL_PREFIX)) != 0)
        return HOME_NO_UID;
    ssize_t length = readlinkat(storage, entry, text, sizeof(text) - 1);
    if (length <= 0)
        return HOME_NO_UID;
    text[length] = '\0';
    char *end;
    unsigned long uid = strtoul(text, &end, 10);
    return *end || uid >= HOME_NO_UID ? HOME_NO_UID : (uid_t)uid;
}

static int write_journal(int storage, const char *name, uid_t to)
{
    char journal[JOURNAL_NAME_MAX], text[UID_TEXT_MAX];
    int error = journal_name(name, journal);
    snprintf(text, sizeof(text), "%u", to);
    if (error)
        return error;
    return symlinkat(text, storage, journal) < 0 ? -errno : 0;
}

static int remove_journal(int storage, const char *name)
{
    char journal[JOURNAL_NAME_MAX];
    int error = journal_name(name, journal);
    if (error)
        return error;
    return unlinkat(storage, journal, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int home_look(int storage, const char *name, struct home_state *ret_state)
{
    struct stat status;
    char journal[JOURNAL_NAME_MAX];
    int error = journal_name(name, journal);
    if (error)
        return error;
    struct home_state state = {.owner = HOME_NO_UID, .moving = home_journal_uid(storage, journal)};
    if (fstatat(storage, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISLNK(status.st_mode))
            return -ELOOP;
        if (!S_ISDIR(status.st_mode))
            return -ENOTDIR;
        state.owner = status.st_uid;
    } else if (errno != ENOENT) {
        return -errno;
    }
    *ret_state = state;
    return 0;
}

bool home_unsettled(int storage, const char *name)
{
    struct home_state state;
    return home_look(storage, name, &state) == 0 && state.moving != HOME_NO_UID;
}

// What the child does: as root of a namespace that maps from, to and nobody else.
struct taking {
    const struct home_move *move;
    int storage;
    struct home_walk walk;
    bool give;
    uid_t journal; // HOME_NO_UID: no walk that could be cut off is new
    int channel;   // for the mount; -1: none is wanted
};

static int give_home(struct taking *taking)
{
    const char *name = taking->move->name;
    int error = home_walk_check(&taking->walk, taking->storage, name);
    if (!error && taking->journal != HOME_NO_UID)
        error = write_journal(taking->storage, name, taking->journal);
    if (!error)
        error = home_walk_give(&taking->walk, taking->storage, name);
    return error ? error : remove_journal(taking->storage, name);
}

// A mount can be copied only from a mount namespace over which one has power, so one is made for it.
static int send_mount(const struct taking *taking)
{
    if (unshare(CLONE_NEWNS) < 0)
        return -errno;
    AUTO_FD int storage = open(taking->move->storage, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (storage < 0)
        return -errno;
    AUTO_FD int home = -1;
    int error = open_beneath(storage, taking->move->name, O_PATH | O_DIRECTORY, 0, &home);
    if (error)
        return error;
    struct stat status;
    if (fstat(home, &status) < 0)
        return -errno;
    if (status.st_uid != taking->walk.to)
        return -EPERM;
    AUTO_FD int copy =
        open_tree(home, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE};
    if (copy < 0 || mount_setattr(copy, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
        return -errno;
    return ipc_send(taking->channel, "m", 1, &copy, 1);
}

static int take(void *data)
{
    struct taking *taking = data;
    int error = taking->give ? give_home(taking) : 0;
    return error || taking->channel < 0 ? error : send_mount(taking);
}

static int receive_mount(int channel, int *ret_mount)
{
    char byte;
    AUTO_PACKET struct ipc_packet packet = {0};
    int error = ipc_receive(channel, &byte, 1, &packet);
    if (error)
        return error;
    if (packet.fd_count != 1)
        return -EPROTO;
    *ret_mount = steal_fd(&packet.fds[0]);
    return 0;
}

// The ids in question, each once; what it returns is how `id` is seen inside.
static uid_t map_id(struct process_map *map, uid_t id)
{
    for (unsigned i = 0; i < map->count; i++) {
        if (map->ids[i] == id)
            return i + 1;
    }
    map->ids[map->count] = id;
    return ++map->count;
}

int home_settle(int storage, const char *name)
{
    struct home_state state;
    int error = home_look(storage, name, &state);
    if (error || state.moving == HOME_NO_UID)
        return error;
    if (state.owner == HOME_NO_UID || state.owner == state.moving) // nothing was begun, or all of it done
        return remove_journal(storage, name);
    struct process_map map = {0};
    struct home_move move = {.name = name};
    struct taking taking = {
        .move = &move, .storage = storage, .give = true, .journal = HOME_NO_UID, .channel = -1};
    taking.walk.to = map_id(&map, state.owner);
    map_id(&map, state.moving);
    taking.walk.accepted_max = map.count;
    return home_run_mapped(&map, take, &taking);
}

// Who has no right to other ids sees the home as its own.
static void map_all(const struct home_move *move, const struct home_state *state, struct taking *taking,
                    struct process_map *map)
{
    if (move->to == geteuid())
        return;
    taking->walk.to = map_id(map, move->to);
    if (state->owner == move->to)
        return;
    map_id(map, state->owner);
    taking->give = true;
    taking->journal = move->to;
    taking->walk.accepted_max = map->count;
    taking->walk.most = move->most;
}

int home_take(const struct home_move *move, int *ret_mount)
{
    AUTO_FD int storage = open(move->storage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (storage < 0 || flock(storage, LOCK_EX) < 0)
        return -errno;
    struct home_state state;
    int error = home_settle(storage, move->name);
    if (!error)
        error = home_look(storage, move->name, &state);
    if (!error && state.owner == HOME_NO_UID) {
        error = home_make(storage, move->name, move->to);
        state.owner = move->to;
    }
    if (error)
        return error;
    struct taking taking = {.move = move, .storage = storage, .journal = HOME_NO_UID, .channel = -1};
    struct process_map map = {0};
    map_all(move, &state, &taking, &map);
    int channel[2] = {-1, -1};
    if (ret_mount && (error = ipc_pair(SOCK_NONBLOCK, channel)) < 0)
        return error;
    AUTO_FD int ours = channel[0];
    AUTO_FD int theirs = channel[1];
    taking.channel = theirs;
    error = home_run_mapped(&map, take, &taking);
    return error || !ret_mount ? error : receive_mount(ours, ret_mount);
}
