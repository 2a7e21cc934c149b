#pragma once
// The process between sandbox-egress and its resolvers: it starts one again that died of an answer, which sandbox-egress, once confined, can't.

#include "egress/limits.h"

// In a forked child, with its end of each resolver's channel: runs until all resolvers have ended by themselves.
_Noreturn void resolver_keep(const int channels[static EGRESS_RESOLVERS]);
