#pragma once
// What requests for recordings and their films have in common.

#include "server/exchange.h"
#include "server/recording_files.h"

struct recording_part {
    uint64_t from, size;
    size_t length;
    char *bytes;
};

// Whose recordings the account may see. NULL: anybody's, for administrators.
const struct id *recording_owner_of(const struct exchange *exchange);
const char *recording_directory_of(const struct exchange *exchange);
// True when the worker's part failed: answered.
bool recording_answer_failed(struct exchange *exchange);

// The three steps of a request for one range of a file; the exchange's detail is a struct recording_part.
int recording_take_range(struct exchange *exchange);
int recording_read_range(struct exchange *exchange, enum recording_kind kind);
void recording_answer_range(struct exchange *exchange);
void recording_answer_bytes(struct exchange *exchange, unsigned status);
