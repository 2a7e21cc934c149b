#pragma once
// Files that somebody else makes and that must not grow old: what /metrics says of them. Both are read on the loop, from a local disk.

#include <stdint.h>

// When the certificate in a PEM file ends, seconds since 1970; 0 for "" and for what can't be read.
uint64_t watched_certificate(const char *path);
// When the newest regular file of a directory was written; 0 for "", without one, or if it can't be read.
uint64_t watched_newest(const char *directory);
