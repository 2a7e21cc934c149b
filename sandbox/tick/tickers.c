#include "sandbox/tick/tickers.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <malloc.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/tick/confinement.h"

#define PROCESSORS_MAX 8192 // that Linux can be built for
#define SLICE_NS 100000
#define STACK_BYTES (64u << 10)

// linux/sched/types.h can't be included beside sched.h before glibc 2.41.
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

struct ticker {
    struct tickers *all;
    int processor;
};

int tickers_take_short_slice(void)
{
    struct scheduling scheduling = {.size = sizeof(scheduling)};
    if (syscall(SYS_sched_getattr, 0, &scheduling, sizeof(scheduling), 0) < 0)
        return -errno;
    scheduling.runtime = SLICE_NS; // all else, as the nice value, stays
    return syscall(SYS_sched_setattr, 0, &scheduling, 0) < 0 ? -errno : 0;
}

static void tick(struct tickers *all)
{
    for (;;) {
        while (!atomic_load(&all->wanted))
            syscall(SYS_futex, &all->wanted, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        while (atomic_load(&all->wanted))
            clock_nanosleep(CLOCK_MONOTONIC, 0, &all->period, NULL);
    }
}

static void *run(void *data)
{
    struct ticker ticker = *(struct ticker *)data;
    struct tickers *all = ticker.all;
    free(data);
    const char *problem = "";
    cpu_set_t set[PROCESSORS_MAX / CPU_SETSIZE];
    CPU_ZERO_S(sizeof(set), set);
    CPU_SET_S((size_t)ticker.processor, sizeof(set), set);
    // One that was taken away meanwhile, or a slice that can't be had: it ticks all the same, where and as well as it may.
    sched_setaffinity(0, sizeof(set), set);
    tickers_take_short_slice();
    pthread_barrier_wait(&all->made);
    int none = 0, error = confinement_of_ticker(&problem);
    if (error && atomic_compare_exchange_strong(&all->error, &none, error))
        atomic_store(&all->problem, problem);
    pthread_barrier_wait(&all->entered);
    tick(all);
    return NULL;
}

static int start_one(struct tickers *all, int processor)
{
    pthread_t thread;
    pthread_attr_t attributes;
    struct ticker *ticker = malloc(sizeof(*ticker));
    if (!ticker)
        return -ENOMEM;
    *ticker = (struct ticker){all, processor};
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int error = pthread_create(&thread, &attributes, run, ticker);
    pthread_attr_destroy(&attributes);
    if (error)
        free(ticker);
    return -error;
}

static int start_all(struct tickers *all, const cpu_set_t *set, size_t size)
{
    pthread_barrier_init(&all->made, NULL, all->count + 1);
    pthread_barrier_init(&all->entered, NULL, all->count + 1);
    int error = 0;
    for (int i = 0; i < PROCESSORS_MAX && !error; i++)
        error = CPU_ISSET_S((size_t)i, size, set) ? start_one(all, i) : 0;
    if (error)
        return error; // the caller ends, and the others with it
    pthread_barrier_wait(&all->made);
    pthread_barrier_wait(&all->entered);
    return atomic_load(&all->error);
}

int tickers_start(struct tickers *tickers, unsigned period_us, const char **ret_problem)
{
    cpu_set_t set[PROCESSORS_MAX / CPU_SETSIZE];
    *ret_problem = "the own processors can't be told";
    if (sched_getaffinity(0, sizeof(set), set) < 0)
        return -errno;
    *ret_problem = "a thread can't be made";
    mallopt(M_ARENA_MAX, 1); // none of them needs memory but for its filter
    *tickers = (struct tickers){.count = (unsigned)CPU_COUNT_S(sizeof(set), set),
                                .period = {.tv_nsec = (long)period_us * 1000}};
    int error = start_all(tickers, set, sizeof(set));
    const char *problem = atomic_load(&tickers->problem);
    *ret_problem = problem ? problem : *ret_problem;
    return error;
}

void tickers_want(struct tickers *tickers, bool wanted)
{
    atomic_store(&tickers->wanted, wanted);
    if (wanted)
        syscall(SYS_futex, &tickers->wanted, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
