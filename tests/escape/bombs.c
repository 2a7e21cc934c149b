// Bombs in one sandbox, a neighbour at work in another: the bomb meets its limit and ends as its cause says, the neighbour goes on, nothing
// is left outside. bench/doors_neighbour prints how much slower the neighbour gets.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/escape/host_state.h"

#define OUTPUT_MAX_BYTES (8u << 20)
#define NEIGHBOUR_P99_MAX_MS 1000.0
#define PLAIN_UID 64998
#define LONG "60" // seconds: whatever ends by another cause does so in time, on a busy machine too

struct bomb {
    const char *kind;
    const char *cause;      // in the report
    const char *evidence;   // in the report or the output
    bool bounded_by_groups; // without control groups nothing holds it, which the layers report says
};

static const struct bomb bombs[] = {
    {"fork", "exited", "then refused", true},
    {"memory", "memory", "\"cause\":\"memory\"", true},
    {"tmpfs", "exited", "then No space left on device", false},
    {"inode", "exited", "then No space left on device", false},
    {"descriptor", "exited", "then Too many open files", false},
    {"socket", "exited", "in sockets, then no more", true},
    {"output", "output", "\"cause\":\"output\"", false},
    {"error", "output", "\"cause\":\"output\"", false},
    {"crash", "time", "\"cause\":\"time\"", false},
    {"spin", "time", "\"cause\":\"time\"", false},
    {"leave", "exited", "left 20 behind", false},
};

// The profiles share plan and executor: the others are held to what differs in them, and to what a group bounds.
#define OTHERS 6
static const char *const profiles[] = {"code", "browser", "desktop"};
#define PROFILES (sizeof(profiles) / sizeof(profiles[0]))

static bool as_user;
static const char *profile;
static const char *seconds; // how long a bomb may take that only time ends
static char program[64], run_program[320];

struct running {
    pid_t pid;
    int output;
};

// memory: on a busy machine the kernel gives back late what thousands of ended processes had, which is charged until then.
static struct running start(const char *kind, const char *memory, const char *tag, const char *time)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const char *const words[] = {
            run_program, "--profile", profile, "--memory", memory, "--pids", "50", "--time", time, "--output",
            "4M",        "--ro",      program, "--json=2", "--",   program,  kind, tag,      NULL};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool ready = dup2(ends[1], 1) == 1 && dup2(ends[1], 2) == 2 && chdir("/") == 0;
        if (as_user && geteuid() == 0)
            ready = ready && setgroups(0, NULL) == 0 && setresgid(PLAIN_UID, PLAIN_UID, PLAIN_UID) == 0 &&
                    setresuid(PLAIN_UID, PLAIN_UID, PLAIN_UID) == 0;
        if (ready)
            execv(words[0], (char *const *)words);
        _exit(127);
    }
    close(ends[1]);
    return (struct running){pid, ends[0]};
}

static char *finish(struct running *running)
{
    char *text = calloc(1, OUTPUT_MAX_BYTES);
    assert_non_null(text);
    size_t length = 0;
    for (ssize_t count; (count = read(running->output, text + length, OUTPUT_MAX_BYTES - 1 - length)) > 0;)
        length += (size_t)count;
    assert_true(length < OUTPUT_MAX_BYTES - 1);
    close(running->output);
    assert_int_equal(waitpid(running->pid, NULL, 0), running->pid);
    return text;
}

// A process of that name outside, dead ones included.
static bool is_left(const char *tag)
{
    DIR *processes = opendir("/proc");
    assert_non_null(processes);
    bool found = false;
    for (struct dirent *entry; !found && (entry = readdir(processes));) {
        char path[300];
        AUTO_FREE char *name = NULL;
        snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
        found = read_file_at(AT_FDCWD, path, 64, &name, NULL) == 0 && strncmp(name, tag, strlen(tag)) == 0;
    }
    closedir(processes);
    return found;
}

static void expect_neighbour_worked(const char *text)
{
    const char *p99 = strstr(text, "p99 ");
    if (!p99 || strtod(p99 + 4, NULL) > NEIGHBOUR_P99_MAX_MS || !strstr(text, "\"cause\":\"exited\"")) {
        print_error("the neighbour: %s\n", text);
        fail();
    }
    printf("neighbour: %.*s\n", (int)strcspn(text, "\n"), text);
}

static void bomb_ends_by_its_cause(void **state)
{
    const struct bomb *bomb = *state;
    if (as_user && bomb->bounded_by_groups)
        skip(); // no control groups without root or delegation
    char tag[16], cause[64];
    snprintf(tag, sizeof(tag), "bomb%d", (int)getpid());
    struct host_state before;
    host_state_read(&before);
    struct running neighbour = start("neighbour", "256M", "neighbour", LONG);
    struct running attacker =
        start(bomb->kind, "64M", tag, strcmp(bomb->cause, "time") == 0 ? seconds : LONG);
    AUTO_FREE char *text = finish(&attacker);
    AUTO_FREE char *other = finish(&neighbour);
    snprintf(cause, sizeof(cause), "\"cause\":\"%s\"", bomb->cause);
    if (!strstr(text, cause) || !strstr(text, bomb->evidence)) {
        size_t length = strlen(text);
        print_error("%s: %s\n", bomb->kind, length > 2000 ? text + length - 2000 : text);
        fail();
    }
    expect_neighbour_worked(other);
    assert_false(is_left(tag));
    host_state_expect(&before);
}

static int prepare(void **state)
{
    (void)state;
    char directory[32] = "/tmp/bombs-XXXXXX";
    AUTO_FREE char *content = NULL;
    size_t length;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chmod(directory, 0755), 0);
    snprintf(program, sizeof(program), "%s/bomb", directory);
    snprintf(run_program, sizeof(run_program), "%s/bin/sandbox-run", getenv("PROGRAMS"));
    assert_int_equal(read_file_at(AT_FDCWD, getenv("BOMB"), 16u << 20, &content, &length), 0);
    AUTO_FD int fd = open(program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    assert_int_equal(write_all(fd, content, length), 0);
    return fchmod(fd, 0755);
}

static int clear(void **state)
{
    (void)state;
    assert_int_equal(unlink(program), 0);
    *strrchr(program, '/') = '\0';
    return rmdir(program);
}

// usage: escape_bombs [KIND [SECONDS]]     KIND: a pattern; an emulated machine needs more time
int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    seconds = argc > 2 ? argv[2] : "2";
    host_state_own_mounts();
    struct CMUnitTest tests[sizeof(bombs) / sizeof(bombs[0])];
    int failed = 0;
    for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++)
        tests[i] = (struct CMUnitTest){
            .name = bombs[i].kind, .test_func = bomb_ends_by_its_cause, .initial_state = (void *)&bombs[i]};
    for (int user = geteuid() != 0; user < 2; user++) {
        as_user = user;
        profile = profiles[0];
        failed += cmocka_run_group_tests_name(user ? "started by a user" : "started by root", tests, prepare,
                                              clear);
    }
    as_user = geteuid() != 0;
    for (size_t i = 1; i < PROFILES; i++) {
        struct CMUnitTest others[OTHERS];
        profile = profiles[i];
        memcpy(others, tests, sizeof(others));
        failed += cmocka_run_group_tests_name(profile, others, prepare, clear);
    }
    return failed;
}
