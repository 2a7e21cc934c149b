#pragma once
// A real sandboxd of its own for a test: started as sandbox-supervisor starts it, and searched for leftovers at its end. Failures fail the
// running cmocka test.

#include <stdbool.h>
#include <sys/types.h>

#include "lib/sandboxd_channel.h"

// DELEGATED: an own user with CAP_SETUID and CAP_SETGID and control groups; needs root. PLAIN: a user without any privilege.
enum sandboxd_mode { SANDBOXD_DELEGATED, SANDBOXD_PLAIN };

#define SANDBOXD_GROUPS_MAX 5
#define SANDBOXD_ENVIRONMENT_MAX 24

struct sandboxd_fixture {
    enum sandboxd_mode mode;
    uid_t uid;
    uid_t uid_base; // SANDBOX_UID_BASE
    char directory[64];
    char socket[96];
    char program_dir[256];
    char group[128]; // SANDBOX_CGROUP_PATH; empty: none
    char groups[SANDBOXD_GROUPS_MAX][160];
    unsigned group_count;
    char environment[SANDBOXD_ENVIRONMENT_MAX][320];
    unsigned environment_count;
    pid_t pid; // 0: not running
    int notify;
    int client;
    struct sandboxd_welcome welcome;
    const char *
        without; // system calls that its host does not have, as sandbox_run_without takes them; NULL: it has all
    char log[96];                // where its log goes; empty: to that of the test
    unsigned parked;             // SANDBOX_POOL_DESKTOP, from the next start on
    struct sandboxd_pool pool;   // as last told
    struct egress_totals egress; // the same
    struct sandboxd_ready ready;
};

// True when the mode can be had here (DELEGATED needs root) and is wanted: TEST_MODE may name one of "delegated" and "plain".
bool sandboxd_mode_possible(enum sandboxd_mode mode);
struct CMUnitTest;
// With TEST_FILTER only tests whose names match that pattern run from here on.
void sandboxd_choose_tests(void);
// Runs the tests in each possible mode, which *mode tells them, after that choice. How many failed.
int sandboxd_run_tests(enum sandboxd_mode *mode, const struct CMUnitTest *tests, size_t count);
// How long a test waits for what has to come: 30 s, TEST_SLOWNESS times as long on a machine that is so much slower.
int sandboxd_deadline_ms(void);
// Makes directories and groups; sandboxd does not run yet. PROGRAMS names the installation to test.
void sandboxd_prepare(struct sandboxd_fixture *fixture, enum sandboxd_mode mode);
__attribute__((format(printf, 2, 3))) void sandboxd_set(struct sandboxd_fixture *fixture, const char *format,
                                                        ...);
// Before the start: the programs of the installation, but for `name`, which is a copy of the file `path`.
void sandboxd_replace_program(struct sandboxd_fixture *fixture, const char *name, const char *path);
// Starts it and waits until it serves; then connects.
void sandboxd_start(struct sandboxd_fixture *fixture);
// Prepares it, starts it with so many parked desktops (SANDBOX_POOL_DESKTOP), and waits until they are ready.
void sandboxd_start_parked(struct sandboxd_fixture *fixture, enum sandboxd_mode mode, unsigned parked);
// Starts it and expects that it refuses: returns its exit status.
int sandboxd_start_refused(struct sandboxd_fixture *fixture);
void sandboxd_connect(struct sandboxd_fixture *fixture);
// SIGTERM; fails unless it exits with 0.
void sandboxd_stop(struct sandboxd_fixture *fixture);
void sandboxd_kill(struct sandboxd_fixture *fixture);
// Stops it if it runs, proves that no process and no group is left, removes everything.
void sandboxd_finish(struct sandboxd_fixture *fixture);

struct sandboxd_create sandboxd_request(uint32_t account);
// Of a sandbox that waits for one command.
struct sandboxd_create sandboxd_request_command(uint32_t account);
void sandboxd_send(struct sandboxd_fixture *fixture, const struct sandboxd_message *message);
// The next message, which must be of that kind. ret_fd may be NULL.
struct sandboxd_message sandboxd_expect(struct sandboxd_fixture *fixture, uint32_t kind, int *ret_fd);
// The next one of whatever kind, but POOL.
struct sandboxd_message sandboxd_expect_any(struct sandboxd_fixture *fixture);
// Waits until so many desktops are parked.
void sandboxd_expect_parked(struct sandboxd_fixture *fixture, unsigned count);
// CREATE and READY, which fixture->ready holds then.
void sandboxd_create(struct sandboxd_fixture *fixture, const struct sandboxd_create *request);
// How many groups of sandboxes there are, in all hierarchies.
unsigned sandboxd_count_groups(const struct sandboxd_fixture *fixture);
// STOP and ENDED.
void sandboxd_end(struct sandboxd_fixture *fixture, const struct id *sandbox);
// ENDED of that sandbox: its reason.
enum stop_reason sandboxd_expect_end(struct sandboxd_fixture *fixture, const struct id *sandbox);

uid_t sandboxd_host_uid(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request);
void sandboxd_home(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request,
                   char path[static 160]);
// RUN, of a sandbox that waits for its command: a shell with that script.
void sandboxd_run_script(struct sandboxd_fixture *fixture, const struct id *sandbox, const char *script);
// A shell script that the desktop of that owner runs when it is up, with what it prints in ~/result when it ended.
void sandboxd_script(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request,
                     const char *script);
// Waits for ~/result and returns it; the caller frees it.
char *sandboxd_result(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request);
// The pid, seen from the host, of a process with that name in a sandbox of this fixture; 0: none.
pid_t sandboxd_find_process(const struct sandboxd_fixture *fixture, const char *name);
