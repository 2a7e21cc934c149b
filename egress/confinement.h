#pragma once
// What each of the two processes keeps.

// The proxy: sockets and pipes; no file, no TCP port to bind. The descriptors that are open stay. 0, or -errno with
// the layer in words.
int confinement_of_proxy(const char **ret_problem);
// A name resolver: reads the configuration of the C library's name services, sends to name servers.
int confinement_of_resolver(const char **ret_problem);
// Raises the limit of open descriptors as far as it goes: what is open at most from here on. Before either.
unsigned confinement_descriptors(void);
