// sandbox-tick: while every processor is wanted, has each of them choose oftener who runs (sandbox/DESIGN.md, "The tick").

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/tick.h"
#include "sandbox/tick/confinement.h"
#include "sandbox/tick/demand.h"
#include "sandbox/tick/tickers.h"

#define LOAD_TEXT_MAX 128
#define TOLD_EVERY_MS (UINT64_C(3600) * 1000)

static int give_up(const char *what, int error)
{
    log_error(what, {"error", strerror(-error)});
    return EXIT_FAILURE;
}

static int read_running(unsigned *ret_running)
{
    char text[LOAD_TEXT_MAX];
    ssize_t length = pread(TICK_LOAD_FD, text, sizeof(text), 0);
    if (length < 0)
        return -errno;
    return demand_parse(text, (size_t)length, ret_running) ? 0 : -EPROTO;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// Bombs come and go: what an operator has to know is that it happens.
static void tell(uint64_t now, uint64_t *told_ms)
{
    if (*told_ms && now - *told_ms < TOLD_EVERY_MS)
        return;
    log_info("every processor is wanted: ticking while that lasts; told once an hour at most");
    *told_ms = now;
}

// Until sandboxd is gone. Nothing wakes it up for that but the hang-up itself.
static int watch(struct tickers *tickers)
{
    struct demand demand = {.processors = tickers->count};
    struct pollfd life = {.fd = TICK_LIFE_FD};
    uint64_t told_ms = 0;
    bool wanted = false;
    for (;;) {
        int gone = poll(&life, 1, demand_pause_ms(&demand, wanted));
        if (gone > 0)
            return 0;
        if (gone < 0 && errno != EINTR)
            return -errno;
        unsigned running;
        int error = read_running(&running);
        if (error)
            return error;
        uint64_t now = now_ms();
        bool was = wanted;
        wanted = demand_sample(&demand, now, running);
        if (wanted == was)
            continue;
        tickers_want(tickers, wanted);
        if (wanted)
            tell(now, &told_ms);
    }
}

static int take_arguments(int argc, char **argv, unsigned *ret_period_us)
{
    struct stat life;
    unsigned running;
    char *end = NULL;
    unsigned long period = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    if (period < TICK_PERIOD_MIN_US || period > TICK_PERIOD_MAX_US || *end)
        return -EINVAL;
    if (fstat(TICK_LIFE_FD, &life) < 0 || !(S_ISFIFO(life.st_mode) || S_ISSOCK(life.st_mode)))
        return -EINVAL;
    *ret_period_us = (unsigned)period;
    return read_running(&running);
}

int main(int argc, char **argv)
{
    static struct tickers tickers;
    const char *level = getenv("LOG_LEVEL"), *format = getenv("LOG_FORMAT");
    bool quiet = level && (strcmp(level, "error") == 0 || strcmp(level, "warning") == 0);
    const char *problem;
    unsigned period_us;
    tzset(); // else the log's time conversion opens the zone file on first use, when none can be opened any more
    signal(SIGPIPE, SIG_IGN);
    log_open("sandbox-tick", quiet ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
             format && strcmp(format, "json") == 0);
    int error = take_arguments(argc, argv, &period_us);
    if (error)
        return give_up("sandbox-tick is started by sandboxd, with its descriptors and a period", error);
    error = tickers_take_short_slice();
    if (error)
        log_warning("short slices can't be had: the tick may come late", {"error", strerror(-error)});
    error = tickers_start(&tickers, period_us, &problem);
    if (!error)
        error = confinement_of_watcher(&problem);
    if (error)
        return give_up(problem, error);
    error = watch(&tickers);
    return error ? give_up("how much is wanted can't be told", error) : EXIT_SUCCESS;
}
