#pragma once
// Requests that ended a recording and wait until its file is whole: closed, and on the disk.

#include "server/exchange.h"
#include "server/recording_writer.h"

struct recording_end;

// Answers 204 as soon as nothing of the sandbox's recordings is being written any more, at once when that is so already; 503 when the end of one could not be
// written; 202 when the disk takes longer than a request should.
void recording_end_wait(struct exchange *exchange, const struct id *sandbox);
// Of recording_writers; `server` is the struct server.
void recording_end_told(void *server, const struct recording_header *header, int error);
// Answers who still waits; behind recording_writers_finish.
void recording_ends_free(struct server *server);
