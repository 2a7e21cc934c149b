#pragma once
// Between sandbox-server and sandbox-export, on a SOCK_SEQPACKET pair that sandboxd makes: one START with two descriptors, then reports back.

#include <stddef.h>
#include <stdint.h>

#define EXPORT_CHANNEL_FD 3
#define EXPORT_START_MAGIC 0x45585031u // "EXP1"

// Its descriptors: the recording, to be read; the film, empty, to be written and sought.
struct export_start {
    uint32_t magic;
    uint32_t reserved;  // 0
    uint64_t bytes_max; // of the film
};

enum export_state {
    EXPORT_WORKING = 1,
    EXPORT_DONE,      // the film is whole; nothing follows
    EXPORT_DAMAGED,   // the same, but the recording was wrong from some place on: the film ends there
    EXPORT_EMPTY,     // nothing was shown: there is no film
    EXPORT_TOO_LARGE, // it does not fit into bytes_max
    EXPORT_STATE_COUNT
};

struct export_report {
    uint32_t state;    // enum export_state
    uint32_t permille; // of the recording
};

// 0 or -EPROTO.
int export_start_check(const struct export_start *start, size_t length, size_t fd_count);
int export_report_check(const struct export_report *report, size_t length);
