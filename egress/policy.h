#pragma once
// What one sandbox may reach.

#include "egress/authority.h"
#include "egress/refusal.h"
#include "lib/egress_channel.h"

struct policy;

// Takes copies. NULL when memory is out or a rule names a header that isn't there.
struct policy *policy_new(const struct egress_policy *content);
// Wipes the headers. NULL is fine.
void policy_free(struct policy *policy);

// Before a name is resolved. A name needs a domain or wildcard rule with the port, so no name that the policy does not
// know ever reaches a name server; an address needs a network rule. NULL stands for the empty policy.
enum refusal policy_check(const struct policy *policy, const struct authority *authority);

// Whether an address that `authority` led to may be connected to. One that isn't public needs a network rule with
// the port that lies wholly in its special network (10.0.0.0/8 opens 10.1.2.3, 0.0.0.0/0 does not); an IPv4
// address in an IPv6 one needs it for both. `own`: the address is one of this machine's, which needs a rule of
// exactly that address.
enum refusal policy_check_address(const struct policy *policy, const struct authority *authority,
                                  const struct address *address, bool own);

// The header that a plain request to this destination gets, or NULL. The most exact rule decides: a domain before a
// wildcard, a longer wildcard before a shorter one. Borrowed until policy_free.
const struct egress_header *policy_header(const struct policy *policy, const struct authority *authority);
