#pragma once
// Doors: kernel interfaces, host facts and channels that have led out of sandboxes, or told of what is outside. The tables say what each is; an
// attempt says whether it is open to the process that makes it.

#include <stdbool.h>
#include <stddef.h>

struct door;
// 1: open. 0 or -errno: shut. It runs in a process of its own, which may die of it.
typedef int door_attempt(const struct door *door);

struct door {
    const char *group;
    const char *name;
    const char *meaning; // what an open door gives
    door_attempt *attempt;
    // For the attempts that are alike
    const char *path;
    long call;
    long arguments[6];
};

struct door_table {
    const struct door *doors;
    size_t count;
};

extern const struct door_table doors_mounting, doors_kernel, doors_processes, doors_sockets, doors_nested,
    doors_files, doors_devices, doors_shared, doors_host;

// What the caller outside tells of the host, so that an attempt can look for it. NULL: not told, then the door is shut.
struct door_facts {
    const char *host_name;
    const char *abstract; // name of an abstract unix socket that listens outside
    const char *socket;   // path of a unix socket that listens outside
    const char *file;     // path of a file outside that anyone may read
    const char *process;  // name of a process outside
    const char *port;     // loopback TCP port outside
};
extern struct door_facts door_facts;

// open when the call did not end with one of the errors of a refusal: what comes after the check of permissions was reached.
int door_call(const struct door *door);
int door_reached(long result);
// open when the file can be opened and has a byte to read; when it can be opened for writing.
int door_read(const struct door *door);
int door_write(const struct door *door);
// open when the directory has entries.
int door_list(const struct door *door);
// The first line of a file that starts so, in text; false when there is none.
bool door_line(const char *path, const char *start, char *text, size_t size);
// A child in user (and other) namespaces of its own, mapped to root there, runs the attempt. 0 or -errno when there is no such namespace.
int door_nested(int namespaces, int (*attempt)(void));
// Runs it in a child: its result, or 0 when it died.
int door_in_child(int (*attempt)(void *), void *data);
