#pragma once
// Between sandbox-egress and its resolvers, both of the same program and build.

#include "egress/address.h"
#include "egress/limits.h"
#include "lib/hostname.h"

struct resolver_question {
    char name[HOSTNAME_SIZE + 2]; // canonical
};

struct resolver_answer {
    uint32_t count; // .. EGRESS_CANDIDATES_MAX
    struct address addresses[EGRESS_CANDIDATES_MAX];
};
