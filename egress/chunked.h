#pragma once
// Finds the end of a chunked body (RFC 9112 7.1) without changing it. Strict as head.h; extensions and trailers are
// passed on within bounds.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_LINE_MAX 1024u    // bytes of a size line with its extensions
#define CHUNK_TRAILER_MAX 8192u // bytes of all trailers

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START,
    CHUNK_TRAILER,
    CHUNK_TRAILER_LF,
    CHUNK_LAST_LF,
    CHUNK_DONE,
    CHUNK_BROKEN,
};

// Zero-initialised: at the start of a body.
struct chunked {
    enum chunk_state state;
    uint64_t left;   // of the chunk's data
    unsigned digits; // of its size
    unsigned line;   // bytes of the line, or of the trailers
};

// Takes bytes of the body; how many of them belong to it. All, unless the state is DONE or BROKEN afterwards.
size_t chunked_take(struct chunked *chunked, const char *data, size_t length);
