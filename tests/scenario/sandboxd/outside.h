#pragma once
// A server on every address of this machine, as a thread of the test.

#include <pthread.h>

#define OUTSIDE_SECRET "opensesame42"

// /key tells whether the secret came, /hold never answers and says so to the test, /away leads to an address that no policy here lists.
struct outside {
    int listener;
    unsigned port;
    int held[2]; // a byte for each /hold
    pthread_t thread;
};

void outside_start(struct outside *outside);
void outside_stop(struct outside *outside);
// Until one more /hold has come.
void outside_wait_held(const struct outside *outside);
