#pragma once
// Connections to the outside.

#include "egress/address.h"

// A non-blocking connection to exactly this address, under way: writable when it is decided. 0 or -errno.
int dial(const struct address *address, uint16_t port, int *ret_fd);
// How it was decided: 0 or -errno.
int dial_result(int fd);
// True when the address is one of this machine's, in this network namespace.
bool dial_is_own(const struct address *address);
