#pragma once
// Other limits or another network for a running sandbox: first sandboxd, then the row, then the answer. One at a time for each sandbox: until
// sandboxd has answered, or has told anew what is in force, and until the row says the same, no other begins, whoever still waits.

#include <stdbool.h>

#include "server/loop.h"
#include "server/network_wish.h"
#include "server/problem.h"
#include "store/sandbox.h"

struct sandbox;

struct change_wish {
    struct sandbox_limits limits; // 0: that one stays
    bool has_limits, has_network;
    struct network_wish network;
};

struct change_outcome {
    enum problem problem;
    const char *detail;     // NULL: it is done, and the row says so
    unsigned retry_after_s; // 0: not said
    int store_error;        // -errno instead of the two above: it is in force, the row follows; 0: none
};
typedef void change_answered(void *data, const struct change_outcome *outcome);

enum change_stage { CHANGE_NONE, CHANGE_LIMITS, CHANGE_NETWORK, CHANGE_RECORDING };

struct change {
    struct sandbox *sandbox;
    enum change_stage stage;
    // Who waits. NULL: nobody
    const struct change_wish *wish;
    change_answered *answered;
    void *data;
    struct loop_timer timer; // the answer is due
    // In force as far as it is known, and what the row is to say.
    struct sandbox_limits limits;
    char network[STORE_NETWORK_MAX + 1];
    char sent_network[STORE_NETWORK_MAX + 1]; // what sandboxd was asked for under `serial`
    uint64_t serial;
    struct change_outcome outcome; // to be answered once the row is written
};

void change_init(struct change *change, struct sandbox *sandbox);
bool change_busy(const struct change *change);
// Not while one is busy. The wish must stay until `answered` is called, now or later.
void change_begin(struct change *change, const struct change_wish *wish, change_answered *answered,
                  void *data);
// Who waits is told that no answer came. The change itself goes on, unless the sandbox goes away.
void change_interrupt(struct change *change);

void change_limits_set(struct change *change, const struct sandboxd_limits_set *message);
void change_network_set(struct change *change, const struct sandboxd_network_set *message);
// sandboxd has told what is in force: ends what was under way, and mends the row (as the database says it) where it says something else.
void change_in_force(struct change *change, const struct store_sandbox *row,
                     const struct sandbox_limits *limits, const char *network);
void change_recorded(struct change *change);
void change_store_failed(struct change *change, int error);
