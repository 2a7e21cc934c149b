#pragma once
// Making homes from an archive's members, one after the other, each below the directory that was made before it. No path is ever
// looked up but the one of a hard link's first name, and that beneath the home and over no link.

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>

#include "backup/member.h"

struct extract_level {
    int fd;
    size_t length; // of the directory's path beneath the home
    mode_t mode;
    struct timespec modified;
};

struct extract {
    int staging; // -1: nothing is made, names and order are checked
    uint64_t uid_base;
    bool give; // to the accounts' uids; else everything stays the caller's
    struct id home;
    uint32_t number; // of its owner
    uid_t owner;
    unsigned depth;             // levels that are open; 0: no home
    char path[MEMBER_PATH_MAX]; // of the innermost one
    struct extract_level levels[MEMBER_DEPTH_MAX + 2];
    char left_below[MEMBER_PATH_MAX]; // a directory that was left out, with what is below it; empty: none
    size_t name_max;                  // bytes that the file system gives a name; 0: it will say so itself
    // Told of each entry or attribute that the file system does not take. NULL: only counted
    void (*tell_left)(const struct id *home, const char *below, const char *attribute, int error);
    uint64_t homes, entries, bytes;
    uint64_t left, left_here; // out, in all and of this home
    const char *problem;      // NULL, or what the member must not be
};

// Takes the next member and reads its data. What this file system has no room for by its kind (a name too long, too many links, attributes too
// large) is left out and counted: one file must not cost all the others. 0, -EPROTO with the problem, or -errno.
int extract_member(struct extract *extract, struct archive *archive, struct archive_entry *entry);
// Finishes the directories that are open.
int extract_end(struct extract *extract);
