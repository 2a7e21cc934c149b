#pragma once
// What the parts of the fixture share.

#include <ftw.h>

#include "tests/harness/sandboxd_fixture.h"

#define DEADLINE_MS 30000 // on a machine as fast as most
#define UIDS_OF_A_NODE (1u << 21)

// As root: gives it to that uid.
void sandboxd_own(const char *path, uid_t uid);
// As sandbox-supervisor does on a machine with v1 controllers; where there are none, the test runs without groups.
void sandboxd_make_groups(struct sandboxd_fixture *fixture);
// For the process that becomes sandboxd. A service starts in the group that it is given and moves to the leaf by itself; from then on that
// group takes no process. 0 or -errno.
int sandboxd_join_daemon_group(const struct sandboxd_fixture *fixture);
// Fails while a process of a sandbox is left, and says which.
void sandboxd_expect_nothing(const struct sandboxd_fixture *fixture);
// Fails while a group of a sandbox is left.
void sandboxd_remove_groups(struct sandboxd_fixture *fixture);
// For nftw(3): removes a file or an empty directory.
int sandboxd_remove_entry(const char *path, const struct stat *status, int kind, struct FTW *position);
// What is remembered as it is now, and not forgotten, is ended and removed when the test program ends.
void sandboxd_remember(const struct sandboxd_fixture *fixture);
void sandboxd_forget(const struct sandboxd_fixture *fixture);
