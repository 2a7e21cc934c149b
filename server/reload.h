#pragma once
// Reading the configuration again while it is in use.

struct server;

// Takes over what can be, and logs what needs a restart. A configuration with anything wrong in it changes nothing.
void reload(struct server *server);
// Frees the configurations that were replaced, but for the first one, which is the caller's. No worker runs any more.
void reload_finish(struct server *server);
