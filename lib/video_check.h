#pragma once
// Whether this machine has the video encoder that the configuration names.

#include "lib/config.h"

// Lets sandbox-streamer of that directory encode one frame, unless the encoder is the one that it is linked with. 0, or -EINVAL with one line for the operator.
int video_check(const char *program_dir, const struct config *config, struct config_error *ret_error);
