#pragma once

// For pid 1 of a pid namespace that is about to end: kills and reaps everything else in it. The kernel would do both, but adds what it reaps
// itself to nobody's usage. Only what a program did not wait to be told of (SIGCHLD ignored) is missing there then.
// service: the channel to it, or -1. It is closed when all are killed and not freed yet: who reads there knows that nobody runs any more.
void reap_everything(int service);
