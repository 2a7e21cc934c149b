#pragma once
// Network policies on their way to sandboxd, and as it lists them.

#include "tests/harness/sandboxd_fixture.h"

// Rules without ports, NULL at the end; each gets the port. The first one injects the secret of outside.h when `keyed`.
void network_policy_send(struct sandboxd_fixture *f, unsigned port, bool keyed, const char *const *rules);
// SET_NETWORK and its answer.
struct sandboxd_network_set network_policy_set(struct sandboxd_fixture *f, const struct id *sandbox,
                                               uint64_t serial, unsigned port, const char *const *rules);
// What the list says of the only sandbox: its policy, without the values of headers.
void network_policy_expect_listed(struct sandboxd_fixture *f, unsigned port, bool keyed,
                                  const char *const *rules);
