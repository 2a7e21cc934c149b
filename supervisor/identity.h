#pragma once
// Who a program runs as, and the one-way step from root to it.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct identity {
    const char *name; // for messages; static
    uid_t uid;
    gid_t gid;
    uint64_t capabilities; // kept as ambient capabilities, as a bit mask; 0 for none
    bool switches;         // false: the program stays what the supervisor is
};

// The system user `name` (a static string). -ENOENT when it doesn't exist.
int identity_of_system_user(const char *name, uint64_t capabilities, struct identity *ret_identity);
// The user that the supervisor itself runs as; used for every program when that isn't root.
struct identity identity_unchanged(void);

// In a forked child: empties the bounding set but for the kept capabilities, changes ids, keeps the
// capabilities as ambient ones and sets no_new_privs. Without `switches` it only sets no_new_privs. -errno on
// failure: the child must then exit.
int identity_become(const struct identity *identity);

// Whether the identity may pass through every directory of the absolute path. 0, or 1 with
// *ret_blocked_length set to the length of the first part of the path that it can't enter; -errno when that
// couldn't be found out.
int identity_reaches(const struct identity *identity, const char *path, size_t *ret_blocked_length);
