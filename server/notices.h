#pragma once
// Notices to a viewer's browser (docs/PROTOCOL.md): JSON text that the caller frees, NULL when memory is out.

#include <jansson.h>

#include "lib/policy.h"
#include "store/sandbox.h"

char *notice_session(const struct id *sandbox, int64_t expires_us, int64_t idle_expires_us);
char *notice_warning(const char *reason, int64_t ends_us); // "idle", "limit"
char *notice_warning_cleared(int64_t idle_expires_us);
char *notice_streamer_restarting(void);
// What this viewer may do.
char *notice_access(bool control, bool guest);
// What its template permits, to whoever watches.
char *notice_policy(const struct policy *policy);
char *notice_recording(enum recording_mode mode, bool on, bool failed);
// How many watch; for the owner also who (taken; NULL: memory was out, or it is not the owner).
char *notice_viewers(unsigned count, json_t *items);
char *notice_ended(enum stop_reason reason, const char *detail);

// A sentence for people.
const char *stop_reason_sentence(enum stop_reason reason);
