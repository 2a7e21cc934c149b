#pragma once
// Names of what an archive holds: "manifest.json", "database.dump", then "homes/ID" and what is beneath it, a directory before its
// entries, one home after the other.

#include <stddef.h>

#include "lib/ids.h"

#define MEMBER_PATH_MAX 4096 // bytes of a path beneath a home, NUL included
#define MEMBER_DEPTH_MAX 256 // directories below a home
#define MEMBER_NAME_MAX 255  // bytes of one component
#define MEMBER_MANIFEST "manifest.json"
#define MEMBER_DUMP "database.dump"
#define MEMBER_HOMES "homes/"

// What stands behind the home's id: "" for the home itself, else components with single slashes between, none of them "", "." or "..". One
// slash at the end is taken off. Copied to ret_below. 0, or -EPROTO for any other name.
int member_parse(const char *name, struct id *ret_home, char ret_below[static MEMBER_PATH_MAX]);
