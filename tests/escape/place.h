#pragma once
// Where an attack is made: a real sandbox of one profile, started by root or by a plain user.

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// PARKED is the profile code, parked by sandboxd and claimed: made from the spawner's foundation, in a network namespace that was kept ready.
enum place_profile { PLACE_DESKTOP, PLACE_CODE, PLACE_BROWSER, PLACE_PARKED, PLACE_PROFILES };
enum place_starter { PLACE_ROOT, PLACE_USER, PLACE_STARTERS };

struct place {
    enum place_profile profile;
    enum place_starter starter;
};

const char *place_name(const struct place *place); // "code, started by root"; static
const char *place_profile_name(enum place_profile profile);
// False when PLACES (names with semicolons between them) is set and does not name it.
bool place_wanted(const char *name);
// False when this host or this installation can't have it, or it is not wanted.
bool place_possible(const struct place *place);

#define PLACE_ARGUMENTS_MAX 16

// Runs a program of the tests in a fresh sandbox of that kind and returns what it printed; the caller frees it. The sandbox is gone, and proven
// to be gone, when this returns. arguments[0] is the path outside.
char *place_run(const struct place *place, const char *const *arguments);

// Runs it outside as the user that starts sandboxes (or root): the proof that an attack can succeed.
char *place_run_outside(enum place_starter starter, const char *const *arguments);
