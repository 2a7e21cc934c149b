#pragma once
// Records a sandbox's desktop: a viewer without a browser. It has a streamer of its own that takes no input, acknowledges what comes, and
// has its messages written to a file by a worker. While the disk is busy the stream is not read, which the encoder feels.

#include <stdbool.h>
#include <stdint.h>

struct recorder;
struct sandbox;
struct server;

// Begins, unless it has begun. What becomes of it is told to the sandbox's viewers; where recording is required they are shown something
// from its begin on, and closed when it fails.
void recorder_start(struct sandbox *sandbox);
// Ends it; what was taken is still written.
void recorder_stop(struct sandbox *sandbox);
// Everything that the sandbox shows is being recorded.
bool recorder_on(const struct sandbox *sandbox);

// sandboxd's answers. False: the number is no recorder's.
bool recorder_attached(struct server *server, uint64_t number, int fd);
bool recorder_attach_failed(struct server *server, uint64_t number, int error);

// Ends all of them, without a word to the viewers.
void recorders_free(struct server *server);
