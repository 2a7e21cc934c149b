#pragma once
// The site's certificate, which a proxy uses and somebody renews: /metrics tells when it ends.

#include <stdint.h>

// When the first certificate of a PEM file ends, seconds since 1970; 0 for "" and for what can't be read. Reads the file: a local one.
uint64_t certificate_expiry(const char *path);
