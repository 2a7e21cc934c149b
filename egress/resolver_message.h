#pragma once
// Between sandbox-egress and its resolvers, both of the same program and build.

#include "egress/address.h"
#include "egress/limits.h"
#include "lib/hostname.h"

struct resolver_question {
    uint64_t serial;              // of the channel's questions, from 1
    char name[HOSTNAME_SIZE + 2]; // canonical
};

struct resolver_answer {
    uint64_t serial;    // the question's
    uint32_t restarted; // 1: no answer, the resolver died; what it was asked has none
    uint32_t count;     // .. EGRESS_CANDIDATES_MAX
    struct address addresses[EGRESS_CANDIDATES_MAX];
};
