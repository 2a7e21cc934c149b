// Sandboxes for one command: parked and cold.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sandbox/cgroup/stock.h"
#include "tests/harness/sandboxd_fixture.h"

static enum sandboxd_mode mode;

static void expect_parked(struct sandboxd_fixture *f, unsigned count)
{
    while (f->pool.rows[TEMPLATE_CODE].ready != count)
        sandboxd_expect(f, SANDBOXD_POOL, NULL);
}

static void start(struct sandboxd_fixture *f, unsigned parked)
{
    sandboxd_prepare(f, mode);
    sandboxd_set(f, "SANDBOX_POOL_CODE=%u", parked);
    sandboxd_start(f);
    expect_parked(f, parked);
}

static void send_command(struct sandboxd_fixture *f, const struct id *sandbox, const char *const *words)
{
    struct sandboxd_message message = {.kind = SANDBOXD_RUN, .run = {.sandbox = *sandbox}};
    struct command_words *command = &message.run.command;
    for (; *words; words++) {
        size_t size = strlen(*words) + 1;
        assert_true(command->length + size <= COMMAND_TEXT_MAX);
        memcpy(command->text + command->length, *words, size);
        command->length += (uint32_t)size;
        command->count++;
    }
    sandboxd_send(f, &message);
}

static struct sandboxd_ended run(struct sandboxd_fixture *f, bool parked, const char *const *words)
{
    struct sandboxd_create request = sandboxd_request_command(7);
    sandboxd_create(f, &request);
    assert_int_equal(f->ready.parked, parked);
    send_command(f, &request.sandbox, words);
    struct sandboxd_ended ended = sandboxd_expect(f, SANDBOXD_ENDED, NULL).ended;
    assert_true(id_equal(&ended.sandbox, &request.sandbox));
    return ended;
}

#define RUN(f, parked, ...) run((f), (parked), (const char *const[]){__VA_ARGS__, NULL})

static void a_command_runs_and_its_end_is_told(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    start(&f, 1);
    for (int parked = 1; parked >= 0; parked--) {
        static const struct {
            const char *script;
            enum stop_reason reason;
            int status;
        } rows[] = {
            {"exit 0", STOP_EXITED, 0},
            {"exit 7", STOP_EXITED, 7 << 8},
            {"kill -TERM $$", STOP_SIGNALLED, SIGTERM},
            {"test $(pwd) = /home/user -a $HOME = /home/user -a $(id -u) = 1000 && echo a >b && cat b",
             STOP_EXITED, 0},
            // Nothing of another's: an empty home, no process but these, no descriptor but the standard ones.
            {"test -z \"$(ls -A)\" && test $(ls -d /proc/[0-9]* | wc -l) -le 5 && "
             "! readlink /proc/$$/fd/3 /proc/$$/fd/4 /proc/$$/fd/64 /proc/$$/fd/65",
             STOP_EXITED, 0},
            {"! cat /proc/1/environ && ! ls /proc/1/fd/ && ! kill -KILL 1 2>/dev/null; test $(cat "
             "/proc/1/comm) = sandbox-park",
             STOP_EXITED, 0},
            {"grep -q 'NoNewPrivs:.1' /proc/self/status && grep -q 'Seccomp:.2' /proc/self/status && "
             "grep -q 'CapBnd:.0000000000000000' /proc/self/status && ! unshare -U true",
             STOP_EXITED, 0},
            // The place of the file system that it may write shows nothing, and what it may not write is as read-only as ever.
            {"test -z \"$(ls -A /sandbox/covered 2>/dev/null)\" && for d in / /usr /etc /dev /sandbox /home; "
             "do "
             "touch $d/x 2>/dev/null && exit 1; done; for d in /tmp /run /dev/shm /home/user; do touch $d/x "
             "|| "
             "exit 1; done; ! ls /home/user/.. | grep -v user",
             STOP_EXITED, 0},
            // A share of what all sandboxes of a foundation have together.
            {"python3 -c 'import ctypes; c = ctypes.CDLL(None); n = 0\n"
             "while c.inotify_init() >= 0: n += 1\n"
             "exit(n)'",
             STOP_EXITED, 16 << 8},
            {"(setsid sleep 1000 &) ; exit 3", STOP_EXITED, 3 << 8}};
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            expect_parked(&f, (unsigned)parked);
            struct sandboxd_ended ended = RUN(&f, parked, "/bin/sh", "-c", rows[i].script);
            if (ended.status != rows[i].status)
                print_error("%s\n", rows[i].script);
            assert_int_equal(ended.reason, rows[i].reason);
            assert_int_equal(ended.status, rows[i].status);
        }
        expect_parked(&f, (unsigned)parked);
        assert_int_equal(RUN(&f, parked, "no-such-command").status, 127 << 8);
        expect_parked(&f, (unsigned)parked);
        assert_int_equal(RUN(&f, parked, "/etc/passwd").status, 126 << 8);
        sandboxd_stop(&f);
        if (parked) {
            f.environment_count--; // of SANDBOX_POOL_CODE
            memset(&f.pool, 0, sizeof(f.pool));
            sandboxd_start(&f);
        }
    }
    sandboxd_finish(&f);
}

struct namespaces {
    int network, user, owner; // whose the network is
};

static struct namespaces namespaces_of(pid_t pid)
{
    struct namespaces namespaces;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    namespaces.network = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    namespaces.user = open(path, O_RDONLY | O_CLOEXEC);
    namespaces.owner = ioctl(namespaces.network, NS_GET_USERNS);
    assert_true(namespaces.network >= 0 && namespaces.user >= 0 && namespaces.owner >= 0);
    return namespaces;
}

static ino_t number_of(int fd)
{
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    return status.st_ino;
}

enum { NETWORKS = 6 }; // more than are kept ready

static struct namespaces look_at_namespaces(struct sandboxd_fixture *f, const struct id *sandbox)
{
    static const char *const words[] = {"sleep", "1000", NULL};
    send_command(f, sandbox, words);
    pid_t pid;
    while ((pid = sandboxd_find_process(f, "sleep")) == 0)
        ;
    struct namespaces namespaces = namespaces_of(pid);
    sandboxd_end(f, sandbox);
    return namespaces;
}

// No sandbox has a right over its network namespace, whatever it becomes inside, and nobody was or will be in it.
static void expect_one_each_and_of_nobody(const struct namespaces all[static NETWORKS])
{
    AUTO_FD int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    for (unsigned i = 0; i < NETWORKS; i++) {
        assert_int_not_equal(number_of(all[i].network), number_of(own));
        assert_int_not_equal(number_of(all[i].owner), number_of(all[i].user));
        for (unsigned k = 0; k < i; k++) // their descriptors keep the earlier ones, and their numbers, in use
            assert_int_not_equal(number_of(all[i].network), number_of(all[k].network));
    }
    for (unsigned i = 0; i < NETWORKS; i++) {
        close(all[i].network);
        close(all[i].user);
        close(all[i].owner);
    }
}

static void a_pooled_network_is_for_one_and_of_nobody(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct namespaces all[NETWORKS];
    if (geteuid() != 0)
        skip(); // to ask the kernel for the owner takes a right in it
    start(&f, 1);
    for (unsigned i = 0; i < NETWORKS; i++) {
        struct sandboxd_create request = sandboxd_request_command(7);
        expect_parked(&f, 1);
        sandboxd_create(&f, &request);
        assert_true(f.ready.parked);
        all[i] = look_at_namespaces(&f, &request.sandbox);
    }
    expect_one_each_and_of_nobody(all);
    sandboxd_finish(&f);
}

// All at once: more than there are networks in stock, which is filled when nothing else is to do.
static void a_fresh_network_is_of_nobody_too(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct id sandboxes[NETWORKS];
    struct namespaces all[NETWORKS];
    if (geteuid() != 0)
        skip();
    start(&f, 1);
    for (unsigned i = 0; i < NETWORKS; i++) {
        struct sandboxd_message message = {.kind = SANDBOXD_CREATE, .create = sandboxd_request_command(7)};
        sandboxes[i] = message.create.sandbox;
        sandboxd_send(&f, &message);
    }
    for (unsigned i = 0; i < NETWORKS; i++)
        sandboxd_expect(&f, SANDBOXD_READY, NULL);
    for (unsigned i = 0; i < NETWORKS; i++)
        all[i] = look_at_namespaces(&f, &sandboxes[i]);
    expect_one_each_and_of_nobody(all);
    sandboxd_finish(&f);
}

static void memory_of_its_owner_bounds_it(void **state)
{
    (void)state;
    if (mode != SANDBOXD_DELEGATED)
        skip(); // no control groups
    struct sandboxd_fixture f;
    start(&f, 1);
    struct sandboxd_ended ended = RUN(&f, true, "python3", "-c", "x = bytearray(200 << 20); print(len(x))");
    assert_int_equal(ended.reason, STOP_EXITED); // more than a parked one may have
    assert_int_equal(ended.status, 0);
    expect_parked(&f, 1);
    ended = RUN(&f, true, "python3", "-c", "x = bytearray(900 << 20)");
    assert_int_equal(ended.reason, STOP_MEMORY);
    sandboxd_finish(&f);
}

static void only_one_command_is_taken(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    start(&f, 1);
    struct sandboxd_create request = sandboxd_request_command(7);
    sandboxd_create(&f, &request);
    static const char *const words[] = {"sleep", "1000", NULL};
    send_command(&f, &request.sandbox, words);
    send_command(&f, &request.sandbox, words); // breaks the protocol
    struct pollfd hung_up = {.fd = f.client, .events = POLLHUP};
    do
        assert_int_equal(poll(&hung_up, 1, 10000), 1);
    while (!(hung_up.revents & POLLHUP));
    sandboxd_connect(&f);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

static void killed_sandboxd_ends_commands_and_parked_ones(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    start(&f, 1);
    struct sandboxd_create request = sandboxd_request_command(7);
    sandboxd_create(&f, &request);
    static const char *const words[] = {"sleep", "1000", NULL};
    send_command(&f, &request.sandbox, words);
    expect_parked(&f, 1);
    while (!sandboxd_find_process(&f, "sleep"))
        ;
    AUTO_FD int command = pidfd_open(sandboxd_find_process(&f, "sleep"), 0);
    AUTO_FD int parked = pidfd_open(sandboxd_find_process(&f, "sandbox-park"), 0);
    sandboxd_kill(&f);
    struct pollfd ended[] = {{.fd = command, .events = POLLIN}, {.fd = parked, .events = POLLIN}};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(poll(&ended[i], 1, 10000), 1);
    memset(&f.pool, 0, sizeof(f.pool));
    sandboxd_start(&f);
    sandboxd_finish(&f);
}

// Until there are so many groups of sandboxes.
static void expect_groups(const struct sandboxd_fixture *f, unsigned count)
{
    AUTO_FD int changes = inotify_init1(IN_CLOEXEC);
    for (unsigned i = 0; i < f->group_count; i++)
        assert_true(inotify_add_watch(changes, f->groups[i], IN_CREATE | IN_DELETE) >= 0);
    while (sandboxd_count_groups(f) != count) {
        char events[4096];
        struct pollfd change = {.fd = changes, .events = POLLIN};
        assert_int_equal(poll(&change, 1, 10000), 1);
        assert_true(read(changes, events, sizeof(events)) > 0);
    }
}

// The groups of an ended sandbox are empty when that is told, and gone soon; the stock is as large as before. With sandboxd all of them go
// (sandboxd_finish).
static void groups_come_from_the_stock_and_go_when_there_is_time(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    start(&f, 1);
    unsigned settled = f.group_count * (1 + CGROUP_STOCK_READY);
    expect_groups(&f, settled);
    for (unsigned i = 0; i < 8; i++) {
        expect_parked(&f, 1);
        RUN(&f, true, "/bin/sh", "-c", "for i in 1 2 3; do (setsid sleep 1000 &); done");
        assert_int_equal(sandboxd_find_process(&f, "sleep"), 0);
    }
    expect_parked(&f, 1);
    expect_groups(&f, settled);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_runs_and_its_end_is_told),
        cmocka_unit_test(a_pooled_network_is_for_one_and_of_nobody),
        cmocka_unit_test(a_fresh_network_is_of_nobody_too),
        cmocka_unit_test(memory_of_its_owner_bounds_it),
        cmocka_unit_test(only_one_command_is_taken),
        cmocka_unit_test(groups_come_from_the_stock_and_go_when_there_is_time),
        cmocka_unit_test(killed_sandboxd_ends_commands_and_parked_ones),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
