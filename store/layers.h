#pragma once
// The JSON form of a sandbox's isolation layers: {"seccomp": {"state": "on", "detail": ""}, ...}; private to
// store/.

#include "lib/isolation.h"

// NULL when memory is out; the caller frees it.
char *layers_encode(const struct layer_report layers[static LAYER_COUNT]);
// A layer that the text does not name (an older row) is missing, with an empty detail. 0 or -EIO.
int layers_decode(const char *text, struct layer_report ret_layers[static LAYER_COUNT]);
