#pragma once
// A thread for each processor that wakes up again and again while it is wanted, and does nothing: each time the kernel chooses anew who runs there.

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

struct tickers {
    unsigned count;
    struct timespec period;
    atomic_uint wanted;        // a futex
    pthread_barrier_t made;    // all threads are there: from then on no other can be made
    pthread_barrier_t entered; // and confined
    atomic_int error;          // the first of any
    const char *_Atomic problem;
};

// One for each processor that this process may use, confined, and all of them asleep. -errno with what failed in words: the process must end. The
// struct must live as long as the process.
int tickers_start(struct tickers *tickers, unsigned period_us, const char **ret_problem);
void tickers_want(struct tickers *tickers, bool wanted);
// A slice of a tenth of a millisecond for the calling thread (Linux 6.12; before that it has no effect): with the earliest deadline it runs at once when
// it wakes up. 0 or -errno.
int tickers_take_short_slice(void);
