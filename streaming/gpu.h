#pragma once
// Encoders of GPUs. No streamer is given a GPU (streaming/DESIGN.md); whoever asks for one by VIDEO_CODEC is told so, and what this machine lacks besides.

#include <stdbool.h>
#include <stddef.h>

// The name of an encoder of libavcodec that needs a GPU.
bool gpu_encoder(const char *name);
// The first device, library or driver that such an encoder would miss here, and what to do, in words.
void gpu_problem(const char *name, char *ret_problem, size_t size);
