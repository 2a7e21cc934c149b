#pragma once
// The home directories in FILE_STORAGE_PATH, and how one changes its host uid.
//
// A home is given to another uid by a walk whose last step is the directory itself. Before it begins, a symbolic link beside the home names
// the uid it goes to; when the walk was cut off, the next use finds the link and brings everything back to whom the directory belongs. All
// of this happens under an exclusive lock of the storage directory.

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define HOME_NO_UID ((uid_t)-1)

struct home_state {
    uid_t owner;  // HOME_NO_UID: there is none yet
    uid_t moving; // whom an unfinished walk goes to; HOME_NO_UID: there is none
};

// Where a home stands. -ELOOP, -ENOTDIR: something else has its name.
int home_look(int storage, const char *name, struct home_state *ret_state);
// The uid in a directory entry that is the link of an unfinished walk, or HOME_NO_UID.
uid_t home_journal_uid(int storage, const char *entry);

// What a walk refuses before it has changed anything.
#define HOME_TOO_LARGE 200 // more entries than asked for, or too deep
#define HOME_FOREIGN 201   // an entry of another owner, or of another file system

struct home_move {
    const char *storage;
    const char *name;
    uid_t to;      // the service's own uid where there are no others
    unsigned most; // entries; 0: any number
};

// Makes the home if there is none, gives it to `to`, and opens a detached mount of it (ret_mount NULL: without one). Blocks; to be called in a
// short-lived child of the service. 0, -errno, or -HOME_*: nothing was changed then.
int home_take(const struct home_move *move, int *ret_mount);
// Finishes what an interrupted walk left: all of it belongs to the directory's owner again. The caller holds the lock.
int home_settle(int storage, const char *name);
// Makes one that belongs to `owner` unless there is one. The caller holds the lock.
int home_make(int storage, const char *name, uid_t owner);

// True when an unfinished walk waits for home_settle.
bool home_unsettled(int storage, const char *name);

struct process_map {
    uid_t ids[3]; // seen as 1, 2, 3; the service itself as 0
    unsigned count;
};
typedef int home_task(void *data);
// Runs it in a child that is root of a user namespace in which just these ids are mapped, and waits for its result: 0, or a negative number
// from -255 on.
int home_run_mapped(const struct process_map *map, home_task *task, void *data);

// walk.c: in the child, which is root of its namespace.
struct home_walk {
    uid_t to;           // as seen inside
    uid_t accepted_max; // 1 .. this may own entries
    unsigned most;      // 0: any number
    unsigned entries;   // found
};
// Looks at each entry. 0 or -HOME_*.
int home_walk_check(struct home_walk *walk, int storage, const char *name);
// Gives each entry away, the directory itself at last.
int home_walk_give(struct home_walk *walk, int storage, const char *name);
