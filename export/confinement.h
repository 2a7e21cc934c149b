#pragma once

#include <stdint.h>

// From here on: memory, time and the open descriptors, and no way to anything else. 0; -errno with the layer in words.
int confinement_enter(uint64_t film_bytes_max, const char **ret_problem);
