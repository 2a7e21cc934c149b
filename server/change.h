#pragma once
// Other limits or another network for a running sandbox: first sandboxd, then the row, then the answer. One at a time for each sandbox.

#include <stdbool.h>

#include "server/exchange.h"
#include "server/loop.h"
#include "server/network_wish.h"
#include "store/sandbox.h"

struct sandbox;

struct change_wish {
    struct store_sandbox row;     // first: the worker fills it
    struct sandbox_limits limits; // 0: that one stays
    bool has_limits, has_network;
    struct network_wish network;
};

struct change {
    struct sandbox *sandbox;
    struct exchange *exchange;                // who waits; its detail is the wish. NULL: nobody
    struct loop_timer timer;                  // sandboxd must have answered
    struct sandbox_limits limits;             // what the row is to say
    char network[STORE_NETWORK_MAX + 1];      // the same
    char sent_network[STORE_NETWORK_MAX + 1]; // what sandboxd was asked for under `serial`
    uint64_t serial;
    enum problem problem; // with problem_detail: what is to be answered although something was changed
    const char *problem_detail;
};

void change_init(struct change *change, struct sandbox *sandbox);
// The sandbox goes away.
void change_finish_all(struct change *change);
bool change_busy(const struct change *change);
// Answers the exchange, now or later.
void change_begin(struct change *change, struct exchange *exchange);
// Who waits is told that no answer came.
void change_interrupt(struct change *change);

void change_limits_set(struct change *change, const struct sandboxd_limits_set *message);
void change_network_set(struct change *change, const struct sandboxd_network_set *message);
void change_recorded(struct change *change);
void change_store_failed(struct change *change, int error);
