// What a claim of a parked sandbox costs, and what one costs while it waits. A command against posix_spawn of the same program in the same
// minute, the two in turns; a desktop against its cold start. As root, like the tests of sandboxd.
//   parked [ROUNDS]

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/parked/direct.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/init_channel.h"
#include "sandbox/executor/launch.h"
#include "sandbox/executor/probe.h"
#include "tests/harness/sandboxd_fixture.h"

#define ROUNDS 300
#define ROUNDS_MAX 10000
#define DESKTOPS 30
#define MIB (1024.0 * 1024.0)

static double print_row(const char *name, double *ms, long count, double base)
{
    qsort(ms, (size_t)count, sizeof(double), direct_compare);
    double median = ms[count / 2];
    printf("| %s | %.3f | %.3f | ", name, median, ms[count * 95 / 100]);
    if (base > 0)
        printf("%.2f |\n", median / base);
    else
        printf("|\n");
    return median;
}

static double claim_one(struct direct *direct, bool limits)
{
    direct_park(direct, "run-parked");
    uint64_t began = direct_now_ns();
    direct_claim(direct, limits);
    double ms = (double)(direct_now_ns() - began) / 1e6;
    direct_clean(direct);
    return ms;
}

static void measure_commands(long rounds)
{
    static struct direct direct;
    double *plain = calloc((size_t)rounds, sizeof(double)), *claimed = calloc((size_t)rounds, sizeof(double)),
           *limited = calloc((size_t)rounds, sizeof(double));
    direct_prepare(&direct, true);
    for (long i = 0; i < rounds; i++) {
        plain[i] = direct_spawn();
        claimed[i] = claim_one(&direct, false);
        limited[i] = claim_one(&direct, true);
    }
    printf("| start and end of %s | median ms | 95 %% ms | x posix_spawn |\n|---|---|---|---|\n",
           DIRECT_PROGRAM);
    double base = print_row("posix_spawn", plain, rounds, 0);
    print_row("parked, claimed", claimed, rounds, base);
    print_row("parked, claimed with its owner's limits", limited, rounds, base);
    free(plain);
    free(claimed);
    free(limited);
}

static void expect_parked(struct sandboxd_fixture *f, unsigned template_id, unsigned count)
{
    while (f->pool.rows[template_id].ready != count)
        sandboxd_expect(f, SANDBOXD_POOL, NULL);
}

static void measure_service(long rounds)
{
    struct sandboxd_fixture f;
    double *plain = calloc((size_t)rounds, sizeof(double)), *claimed = calloc((size_t)rounds, sizeof(double));
    sandboxd_prepare(&f, SANDBOXD_DELEGATED);
    sandboxd_set(&f, "SANDBOX_POOL_CODE=1");
    sandboxd_set(&f, "LOG_LEVEL=error");
    sandboxd_start(&f);
    for (long i = 0; i < rounds; i++) {
        plain[i] = direct_spawn();
        expect_parked(&f, TEMPLATE_CODE, 1);
        struct sandboxd_create request = sandboxd_request_command(7);
        struct sandboxd_message create = {.kind = SANDBOXD_CREATE, .create = request};
        struct sandboxd_message run = {
            .kind = SANDBOXD_RUN,
            .run = {.sandbox = request.sandbox, .command = {.count = 1, .length = sizeof(DIRECT_PROGRAM)}}};
        memcpy(run.run.command.text, DIRECT_PROGRAM, sizeof(DIRECT_PROGRAM));
        uint64_t began = direct_now_ns();
        sandboxd_send(&f, &create);
        if (!sandboxd_expect(&f, SANDBOXD_READY, NULL).ready.parked)
            exit(EXIT_FAILURE);
        sandboxd_send(&f, &run);
        sandboxd_expect(&f, SANDBOXD_ENDED, NULL);
        claimed[i] = (double)(direct_now_ns() - began) / 1e6;
    }
    double base = print_row("posix_spawn, again", plain, rounds, 0);
    print_row("by sandboxd: CREATE and RUN until ENDED, all of it gone", claimed, rounds, base);
    sandboxd_finish(&f);
    free(plain);
    free(claimed);
}

static void fill_home(const struct sandboxd_fixture *f, const struct sandboxd_create *request,
                      unsigned entries)
{
    char home[160], path[256];
    if (entries == 0)
        return;
    sandboxd_script(f, request, "true"); // makes it
    sandboxd_home(f, request, home);
    uid_t uid = sandboxd_host_uid(f, request);
    for (unsigned i = 0; i < entries; i++) {
        snprintf(path, sizeof(path), "%s/f%u", home, i);
        AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || fchown(fd, uid, uid) < 0)
            exit(EXIT_FAILURE);
    }
}

static void measure_desktops(void)
{
    static const struct {
        const char *name;
        unsigned parked, entries;
    } rows[] = {{"cold", 0, 0},
                {"parked, a new home", 1, 0},
                {"parked, a home of 1,000 entries", 1, 1000},
                {"parked, a home of 1,900 entries", 1, 1900}};
    double base = 0;
    printf("\n| desktop: CREATE until READY | median ms | 95 %% ms | x cold |\n|---|---|---|---|\n");
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        double ms[DESKTOPS];
        unsigned parked = rows[row].parked;
        struct sandboxd_fixture f;
        sandboxd_prepare(&f, SANDBOXD_DELEGATED);
        f.parked = parked;
        sandboxd_set(&f, "LOG_LEVEL=error");
        sandboxd_start(&f);
        for (unsigned i = 0; i < DESKTOPS; i++) {
            struct sandboxd_create request = sandboxd_request(7 + i);
            expect_parked(&f, TEMPLATE_DESKTOP, parked);
            fill_home(&f, &request, rows[row].entries);
            sandboxd_create(&f, &request);
            if (f.ready.parked != parked)
                exit(EXIT_FAILURE);
            ms[i] = f.ready.start_us / 1e3;
            sandboxd_end(&f, &request.sandbox);
        }
        sandboxd_finish(&f);
        double median = print_row(rows[row].name, ms, DESKTOPS, base);
        base = row == 0 ? median : base;
    }
}

static double group_memory(const struct sandboxd_fixture *f, unsigned *ret_count)
{
    double sum = 0;
    *ret_count = 0;
    for (unsigned i = 0; i < f->group_count; i++) {
        char path[256];
        DIR *groups = opendir(f->groups[i]);
        for (struct dirent *entry; groups && (entry = readdir(groups));) {
            snprintf(path, sizeof(path), "%s/%.32s/memory.usage_in_bytes", f->groups[i], entry->d_name);
            AUTO_FILE FILE *file = entry->d_name[0] == 's' ? fopen(path, "re") : NULL;
            double bytes = 0;
            if (file && fscanf(file, "%lf", &bytes) == 1) {
                sum += bytes;
                ++*ret_count;
            }
        }
        if (groups)
            closedir(groups);
    }
    return sum / MIB;
}

static bool has_uid_of(const struct sandboxd_fixture *f, const char *pid)
{
    char path[300];
    AUTO_FREE char *text = NULL;
    unsigned uid = 0;
    snprintf(path, sizeof(path), "/proc/%.16s/status", pid);
    if (read_file_at(AT_FDCWD, path, 8192, &text, NULL) < 0 || !strstr(text, "Uid:"))
        return false;
    return sscanf(strstr(text, "Uid:"), "Uid: %u", &uid) == 1 && uid > f->uid_base + (1u << 20) + 8193 &&
           uid < f->uid_base + (1u << 21);
}

static double shared_memory(const struct sandboxd_fixture *f)
{
    double sum = 0;
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes && (entry = readdir(processes));) {
        char path[300];
        AUTO_FREE char *text = NULL;
        double kib = 0;
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !has_uid_of(f, entry->d_name))
            continue;
        snprintf(path, sizeof(path), "/proc/%.16s/smaps_rollup", entry->d_name);
        if (read_file_at(AT_FDCWD, path, 8192, &text, NULL) == 0 && strstr(text, "Pss:") &&
            sscanf(strstr(text, "Pss:"), "Pss: %lf", &kib) == 1)
            sum += kib / 1024;
    }
    if (processes)
        closedir(processes);
    return sum;
}

static void measure_memory(const char *setting, unsigned template_id, unsigned count)
{
    struct sandboxd_fixture f;
    unsigned groups;
    sandboxd_prepare(&f, SANDBOXD_DELEGATED);
    sandboxd_set(&f, "LOG_LEVEL=error");
    sandboxd_set(&f, "SANDBOX_POOL_MEMORY_MB=2048");
    if (template_id == TEMPLATE_DESKTOP)
        f.parked = count;
    else
        sandboxd_set(&f, "%s=%u", setting, count);
    sandboxd_start(&f);
    expect_parked(&f, template_id, count);
    double group = group_memory(&f, &groups);
    printf("| %s | %.2f | %.2f |\n", template_id == TEMPLATE_DESKTOP ? "desktop" : "code",
           shared_memory(&f) / count, groups ? group / groups : 0);
    sandboxd_finish(&f);
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    if (rounds < 1 || rounds > ROUNDS_MAX || geteuid() != 0)
        return EXIT_FAILURE;
    measure_commands(rounds);
    measure_service(rounds);
    measure_desktops();
    printf("\n| one that waits | PSS of its processes, MiB | its control group, kernel and page cache "
           "included, MiB "
           "|\n|---|---|---|\n");
    measure_memory("SANDBOX_POOL_CODE", TEMPLATE_CODE, 20);
    measure_memory("SANDBOX_POOL_DESKTOP", TEMPLATE_DESKTOP, 5);
    return EXIT_SUCCESS;
}
