#pragma once
// What all parts share.

#include "egress/deadlines.h"
#include "egress/pipes.h"
#include "egress/resolver.h"
#include "lib/egress_reason.h"

struct sandbox;

struct proxy {
    struct loop loop;
    struct deadlines deadlines;
    struct pipes pipes;
    struct resolver *resolver;
    struct sandbox *sandboxes; // a list
    unsigned sandbox_count;
    unsigned open; // connections
    unsigned connection_maximum;
    struct egress_totals totals; // without `open`
};
