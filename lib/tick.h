#pragma once
// What sandboxd starts sandbox-tick with: the period in microseconds as its one argument, and these descriptors.

#define TICK_LIFE_FD                                                                                         \
    3 // the read end of a pipe, or a socket: it hangs up when sandboxd is gone, and nothing is ever written to it
#define TICK_LOAD_FD 4 // /proc/loadavg, read only: sandbox-tick opens nothing by itself

#define TICK_PERIOD_MIN_US 100
#define TICK_PERIOD_MAX_US 10000
