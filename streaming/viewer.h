#pragma once
// One viewer's stream: the event loop between the X server and the browser.

#include "lib/streamer_channel.h"

struct viewer;

// Opens everything that needs a descriptor or a mapping; nothing of the outside is read yet. `start` and the
// descriptors stay the caller's and must outlive the viewer. ret_problem says a failure in words.
int viewer_new(const struct streamer_start *start, int stream, int framebuffer, struct viewer **ret_viewer,
               const char **ret_problem);
void viewer_free(struct viewer *v);
// The way to the sandbox's sound (lib/sound.h), taken over once this has succeeded. 0 or -errno.
int viewer_take_sound(struct viewer *v, int socket);

// Signs in to the X server on `display` (taken over) and serves the viewer until it leaves: 0. -errno when
// something breaks, with ret_problem in words. Keys and buttons that the viewer held are released in both
// cases.
int viewer_serve(struct viewer *v, int display, const char **ret_problem);
