#pragma once
// Whether this machine has the video encoder that the configuration names.

#include "sandbox/settings.h"

// Lets sandbox-streamer encode one frame, unless the encoder is the one that it is linked with. 0, or -EINVAL with one line for the operator.
int video_check(const struct settings *settings, struct config_error *ret_error);
