// How many commands a second two processors start and end: plain, of sandboxes that were parked before, and with all that making and
// clearing away a sandbox costs. In turns. As root.
//   parked_rates [ROUNDS]

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/parked/direct.h"

#define ROUNDS 30
#define ROUNDS_MAX 10000
#define WORKERS 2 // as many as processors
#define BURST 16  // of each, one after the other

// What one of them does; all begin at once. The sandboxes of `parked` are there when it begins and are cleared away when it is over.
struct burst {
    bool sandboxed; // else plain posix_spawn
    bool parked;    // else the sandboxes are made, claimed and cleared away meanwhile
};

__attribute__((noreturn)) static void work(const struct burst *burst, struct direct *direct, int go, int tell)
{
    static struct direct ready[BURST];
    char byte, name[32];
    for (unsigned i = 0; i < BURST && burst->parked; i++) {
        snprintf(name, sizeof(name), "run-%d-%u", (int)getpid(), i);
        ready[i] = *direct;
        direct_park(&ready[i], name);
        direct->foundation = ready[i].foundation; // one network of its stock fewer
    }
    if (write(tell, "", 1) != 1 || read(go, &byte, 1) != 0)
        _exit(EXIT_FAILURE);
    snprintf(name, sizeof(name), "run-%d", (int)getpid());
    for (unsigned i = 0; i < BURST; i++) {
        if (!burst->sandboxed) {
            direct_spawn();
        } else if (burst->parked) {
            direct_claim(&ready[i], true);
        } else {
            direct_park(direct, name);
            direct_claim(direct, false);
            direct_clean(direct);
        }
    }
    if (write(tell, "", 1) != 1)
        _exit(EXIT_FAILURE);
    for (unsigned i = 0; i < BURST && burst->parked; i++)
        direct_clean(&ready[i]);
    _exit(EXIT_SUCCESS);
}

static void expect_all(int fd)
{
    char byte;
    for (unsigned i = 0; i < WORKERS; i++) {
        if (read(fd, &byte, 1) != 1)
            exit(EXIT_FAILURE);
    }
}

// Commands in a second.
static double rate(const struct burst *burst, struct direct *direct)
{
    int go[2], tell[2], status;
    if (pipe2(go, O_CLOEXEC) < 0 || pipe2(tell, O_CLOEXEC) < 0)
        exit(EXIT_FAILURE);
    for (unsigned i = 0; i < WORKERS; i++) {
        pid_t pid = fork();
        if (pid < 0)
            exit(EXIT_FAILURE);
        if (pid == 0) {
            close(go[1]);
            work(burst, direct, go[0], tell[1]);
        }
    }
    close(tell[1]);
    expect_all(tell[0]);
    uint64_t began = direct_now_ns();
    close(go[1]);
    expect_all(tell[0]);
    double seconds = (double)(direct_now_ns() - began) / 1e9;
    for (unsigned i = 0; i < WORKERS; i++) {
        if (wait(&status) < 0 || status != 0)
            exit(EXIT_FAILURE);
    }
    close(go[0]);
    close(tell[0]);
    return WORKERS * BURST / seconds;
}

static void measure_rates(long rounds)
{
    static const struct {
        const char *name;
        struct burst burst;
    } rows[] = {{"posix_spawn", {false, false}},
                {"parked, claimed with its owner's limits", {true, true}},
                {"made, claimed and cleared away", {true, false}}};
    enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
    static struct direct direct;
    double *rates[ROWS];
    direct_prepare(&direct, true);
    for (size_t i = 0; i < ROWS; i++)
        rates[i] = calloc((size_t)rounds, sizeof(double));
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < ROWS; i++)
            rates[i][round] = rate(&rows[i].burst, &direct);
    }
    printf("\n| %s, %d at a time | per second | of posix_spawn |\n|---|---|---|\n", DIRECT_PROGRAM, WORKERS);
    double base = 0;
    for (size_t i = 0; i < ROWS; i++) {
        qsort(rates[i], (size_t)rounds, sizeof(double), direct_compare);
        double median = rates[i][rounds / 2];
        base = i == 0 ? median : base;
        printf("| %s | %.0f | %.0f %% |\n", rows[i].name, median, 100 * median / base);
        free(rates[i]);
    }
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    if (rounds < 1 || rounds > ROUNDS_MAX || geteuid() != 0)
        return EXIT_FAILURE;
    measure_rates(rounds);
    return EXIT_SUCCESS;
}
