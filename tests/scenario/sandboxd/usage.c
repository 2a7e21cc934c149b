// What a sandbox has used, as its end tells it: processes, and bytes written to disk.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/harness/sandboxd_fixture.h"

#define UNKNOWN UINT64_MAX
#define MIB ((uint64_t)1 << 20)
#define TMPFS 0x01021994
#define OWN_MIB 4 // what a desktop itself writes into a new home is far less

static enum sandboxd_mode mode;

// v2 counts what reaches a disk, whoever is waited for.
static bool counted_by_group(const struct sandboxd_fixture *f)
{
    char path[192];
    snprintf(path, sizeof(path), "%s/io.stat", f->group_count > 0 ? f->groups[0] : "");
    return access(path, F_OK) == 0;
}

static bool on_disk(const struct sandboxd_fixture *f)
{
    struct statfs status;
    assert_int_equal(statfs(f->directory, &status), 0);
    return status.f_type != TMPFS;
}

// At least so many MiB, of so many that its programs wrote.
static void expect_written(const struct sandboxd_fixture *f, uint64_t written, unsigned least, unsigned all)
{
    assert_true(written != UNKNOWN);
    assert_in_range(written, on_disk(f) ? least * MIB : 0, (all + OWN_MIB) * MIB);
}

static struct sandboxd_create desktop_after(struct sandboxd_fixture *f, uint32_t account, const char *script)
{
    struct sandboxd_create request = sandboxd_request(account);
    sandboxd_script(f, &request, script);
    sandboxd_create(f, &request);
    AUTO_FREE char *result = sandboxd_result(f, &request);
    return request;
}

static struct sandboxd_ended end_of(struct sandboxd_fixture *f, const struct id *sandbox)
{
    struct sandboxd_ended ended = sandboxd_expect(f, SANDBOXD_ENDED, NULL).ended;
    assert_true(id_equal(&ended.sandbox, sandbox));
    return ended;
}

static struct sandboxd_ended stop(struct sandboxd_fixture *f, const struct id *sandbox,
                                  enum stop_reason reason)
{
    struct sandboxd_message message = {.kind = SANDBOXD_STOP,
                                       .stop = {.sandbox = *sandbox, .reason = reason}};
    sandboxd_send(f, &message);
    struct sandboxd_ended ended = end_of(f, sandbox);
    assert_int_equal(ended.reason, reason);
    return ended;
}

static void signal_process(const struct sandboxd_fixture *f, const char *name, int number)
{
    pid_t pid = sandboxd_find_process(f, name);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, number), 0);
}

// 4 MiB of a program that has ended, 4 of one that runs until the end, 4 that were never forced to the disk; what a tmpfs takes is no disk's.
static const char writes[] =
    "head -c 64M /dev/zero >/tmp/memory\n"
    "dd if=/dev/zero of=ended bs=1M count=4 conv=fsync\n"
    "(setsid sh -c 'head -c 4M /dev/zero >runs; sync runs; : >there; exec sleep 1000' &)\n"
    "head -c 4M /dev/zero >dirty\n"
    "until test -e there; do :; done";

static void every_end_tells_what_was_written(void **state)
{
    (void)state;
    static const enum stop_reason reasons[] = {STOP_USER, STOP_DISPLAY, STOP_SHUTDOWN};
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct sandboxd_create request = desktop_after(&f, 61 + (uint32_t)i, writes);
        struct sandboxd_ended ended;
        if (reasons[i] == STOP_DISPLAY || reasons[i] == STOP_SHUTDOWN) {
            if (reasons[i] == STOP_DISPLAY)
                signal_process(&f, "Xvfb", SIGKILL);
            else
                assert_int_equal(kill(f.pid, SIGTERM), 0);
            ended = end_of(&f, &request.sandbox);
        } else {
            ended = stop(&f, &request.sandbox, reasons[i]);
        }
        assert_int_equal(ended.reason, reasons[i]);
        expect_written(&f, ended.usage.written_bytes, 12, 12);
    }
    sandboxd_stop(&f);
    sandboxd_finish(&f);
}

// Whoever stands for what it can't say any more: nothing is made up, and the rest is known.
static void what_pid_1_did_not_tell_is_unknown(void **state)
{
    (void)state;
    static const int signals[] = {SIGKILL, SIGSTOP};
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (signals[i] == SIGSTOP && mode == SANDBOXD_PLAIN && sandboxd_mode_possible(SANDBOXD_DELEGATED))
            break; // the same once more
        struct sandboxd_create request = desktop_after(&f, 71 + (uint32_t)i, writes);
        signal_process(&f, "sandbox-init", signals[i]);
        struct sandboxd_ended ended =
            signals[i] == SIGKILL ? end_of(&f, &request.sandbox) : stop(&f, &request.sandbox, STOP_USER);
        if (counted_by_group(&f))
            expect_written(&f, ended.usage.written_bytes, 8, 12);
        else
            assert_true(ended.usage.written_bytes == UNKNOWN);
        assert_true((ended.usage.processes == UNKNOWN) == (f.group_count == 0));
    }
    sandboxd_finish(&f);
}

static void processes_are_told_with_those_refused(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create few = desktop_after(&f, 81, "for i in $(seq 40); do sleep 1000 & done");
    struct sandboxd_message list = {.kind = SANDBOXD_LIST};
    sandboxd_send(&f, &list);
    struct sandbox_usage usage = sandboxd_expect(&f, SANDBOXD_ENTRY, NULL).entry.usage;
    sandboxd_expect(&f, SANDBOXD_LIST_END, NULL);
    struct sandboxd_ended ended = stop(&f, &few.sandbox, STOP_USER);
    if (f.welcome.layers[LAYER_PROCESS_LIMIT].state != LAYER_ON) {
        assert_true(ended.usage.processes == UNKNOWN && ended.usage.refused_processes == UNKNOWN);
        sandboxd_finish(&f);
        return;
    }
    assert_in_range(usage.processes, 41, few.limits.pids);
    assert_in_range(ended.usage.processes, usage.processes, few.limits.pids);
    assert_int_equal(ended.usage.refused_processes, 0);
    struct sandboxd_create many = desktop_after(&f, 82,
                                                "python3 -c 'import os, signal\n"
                                                "try:\n"
                                                "  while True:\n"
                                                "    if os.fork() == 0: signal.pause()\n"
                                                "except OSError: pass'");
    ended = stop(&f, &many.sandbox, STOP_USER);
    assert_int_equal(ended.usage.processes, many.limits.pids);
    assert_true(ended.usage.refused_processes > 0 && ended.usage.refused_processes != UNKNOWN);
    sandboxd_finish(&f);
}

// A program that does not wait for its children hides what they wrote from whom waits for it; nothing makes the number larger than what was written.
static void a_sandbox_can_hide_but_not_invent(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    struct sandboxd_create request =
        desktop_after(&f, 91,
                      "python3 -c 'import os, signal\n"
                      "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
                      "def write(name):\n"
                      "  f = os.open(name, os.O_CREAT | os.O_WRONLY)\n"
                      "  for i in range(4): os.write(f, bytes(1 << 20))\n"
                      "  os.fsync(f)\n"
                      "for i in range(2):\n"
                      "  if os.fork() == 0: write(\"hidden%d\" % i); os._exit(0)\n"
                      "try: os.wait()\n"
                      "except ChildProcessError: pass\n"
                      "f = os.open(\"holes\", os.O_CREAT | os.O_RDWR)\n"
                      "os.ftruncate(f, 8 << 30)\n"
                      "for signal in (signal.SIGSTOP, signal.SIGKILL):\n"
                      "  try: os.kill(1, signal)\n"
                      "  except OSError: pass\n"
                      "for i in range(100): os.pwrite(f, bytes(4096), 0)'");
    struct sandboxd_ended ended = stop(&f, &request.sandbox, STOP_USER);
    expect_written(&f, ended.usage.written_bytes, counted_by_group(&f) ? 8 : 0, 8);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_tells_what_was_written),
        cmocka_unit_test(what_pid_1_did_not_tell_is_unknown),
        cmocka_unit_test(processes_are_told_with_those_refused),
        cmocka_unit_test(a_sandbox_can_hide_but_not_invent),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
