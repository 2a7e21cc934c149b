#include "tests/escape/place.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/harness/sandboxd_fixture.h"

#define OUTPUT_MAX_BYTES (1u << 20)
#define PROGRAM_MAX_BYTES (16u << 20)
#define WORDS_MAX (PLACE_ARGUMENTS_MAX + 16)
#define PLAIN_UID 64999

static const char *const profile_names[PLACE_PROFILES] = {"desktop", "code", "browser", "code"};

const char *place_profile_name(enum place_profile profile)
{
    return profile_names[profile];
}

const char *place_name(const struct place *place)
{
    static const char *const names[PLACE_PROFILES][PLACE_STARTERS] = {
        {"desktop, started by root", "desktop, started by a user"},
        {"code, started by root", "code, started by a user"},
        {"browser, started by root", "browser, started by a user"},
        {"parked code, started by root", "parked code, started by a user"},
    };
    return names[place->profile][place->starter];
}

static void run_path(char path[static 320])
{
    snprintf(path, 320, "%s/bin/sandbox-run", getenv("PROGRAMS"));
}

bool place_wanted(const char *name)
{
    const char *wanted = getenv("PLACES");
    size_t length = strlen(name);
    for (const char *at = wanted; at; at = strchr(at, ';'), at += at != NULL) {
        if (strncmp(at, name, length) == 0 && (at[length] == ';' || at[length] == '\0'))
            return true;
    }
    return !wanted;
}

bool place_possible(const struct place *place)
{
    char path[320];
    if (!place_wanted(place_name(place)))
        return false;
    if (place->starter == PLACE_ROOT && geteuid() != 0)
        return false;
    run_path(path);
    return place->profile == PLACE_DESKTOP || place->profile == PLACE_PARKED || access(path, X_OK) == 0;
}

// Into the home of the sandbox, readable by its user.
static void copy_program(const char *from, const char *to, uid_t uid)
{
    AUTO_FREE char *program = NULL;
    size_t length;
    assert_int_equal(read_file_at(AT_FDCWD, from, PROGRAM_MAX_BYTES, &program, &length), 0);
    AUTO_FD int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, program, length), 0);
    assert_int_equal(fchmod(fd, 0755), 0);
    if (geteuid() == 0)
        assert_int_equal(fchown(fd, uid, uid), 0);
}

static char *run_in_desktop(const struct place *place, const char *const *arguments)
{
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, place->starter == PLACE_ROOT ? SANDBOXD_DELEGATED : SANDBOXD_PLAIN);
    f.parked =
        place->starter == PLACE_ROOT; // the way that most desktops come about; that of a user is a cold start
    sandboxd_start(&f);
    sandboxd_expect_parked(&f, f.parked);
    struct sandboxd_create request = sandboxd_request(5);
    char script[1024] = "./attack", path[200];
    for (size_t i = 1; arguments[i]; i++) {
        size_t length = strlen(script);
        assert_true(snprintf(script + length, sizeof(script) - length, " '%s'", arguments[i]) <
                    (int)(sizeof(script) - length));
    }
    strncat(script, " | cat",
            sizeof(script) - strlen(script) - 1); // an attack may do to its output what it likes
    sandboxd_script(&f, &request, script);
    sandboxd_home(&f, &request, path);
    strncat(path, "/attack", sizeof(path) - strlen(path) - 1);
    copy_program(arguments[0], path, sandboxd_host_uid(&f, &request));
    sandboxd_create(&f, &request);
    char *text = sandboxd_result(&f, &request);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
    return text;
}

// Goes on when a reader is there.
static void open_gate(int home, const char *name)
{
    AUTO_FD int gate = openat(home, name, O_WRONLY | O_CLOEXEC);
    assert_true(gate >= 0);
}

// Nothing of the host's reaches such a sandbox: the program is written into a file that it made.
static char *run_in_parked(const struct place *place, const char *const *arguments)
{
    struct sandboxd_fixture f;
    char script[1024] = ": >attack && chmod 700 attack && mkfifo begin end && cat begin && ./attack";
    sandboxd_prepare(&f, place->starter == PLACE_ROOT ? SANDBOXD_DELEGATED : SANDBOXD_PLAIN);
    sandboxd_set(&f, "SANDBOX_POOL_CODE=%u", 1);
    sandboxd_start(&f);
    while (f.pool.rows[TEMPLATE_CODE].ready == 0)
        sandboxd_expect(&f, SANDBOXD_POOL, NULL);
    for (size_t i = 1; arguments[i]; i++) {
        size_t length = strlen(script);
        assert_true(snprintf(script + length, sizeof(script) - length, " '%s'", arguments[i]) <
                    (int)(sizeof(script) - length));
    }
    strncat(script, " | cat >out; cat end", sizeof(script) - strlen(script) - 1);
    struct sandboxd_create request = sandboxd_request_command(5);
    sandboxd_create(&f, &request);
    assert_true(f.ready.parked);
    sandboxd_run_script(&f, &request.sandbox, script);
    pid_t reader;
    while ((reader = sandboxd_find_process(&f, "cat")) == 0)
        ;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/root/home/user", (int)reader);
    AUTO_FD int home = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(home >= 0);
    AUTO_FREE char *program = NULL;
    char *text = NULL;
    size_t length;
    assert_int_equal(read_file_at(AT_FDCWD, arguments[0], PROGRAM_MAX_BYTES, &program, &length), 0);
    AUTO_FD int copy = openat(home, "attack", O_WRONLY | O_CLOEXEC);
    assert_true(copy >= 0);
    assert_int_equal(write_all(copy, program, length), 0);
    close(steal_fd(&copy));
    open_gate(home, "begin");
    open_gate(home, "end");
    assert_int_equal(read_file_at(home, "out", OUTPUT_MAX_BYTES, &text, NULL), 0);
    close(steal_fd(&home));
    sandboxd_expect(&f, SANDBOXD_ENDED, NULL);
    sandboxd_finish(&f);
    return text;
}

static char *read_all(int fd)
{
    char *text = calloc(1, OUTPUT_MAX_BYTES);
    assert_non_null(text);
    size_t length = 0;
    for (ssize_t count; length < OUTPUT_MAX_BYTES - 1; length += (size_t)count) {
        count = read(fd, text + length, OUTPUT_MAX_BYTES - 1 - length);
        assert_true(count >= 0);
        if (count == 0)
            break;
    }
    return text;
}

static char *run_as(enum place_starter starter, const char *directory, const char *const *words)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    AUTO_FD int output = ends[0];
    AUTO_FD int input = ends[1];
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        // What a careless caller leaves open for the programs that it starts.
        bool ready = open("/", O_RDONLY | O_DIRECTORY) >= 0 && dup2(input, 1) == 1 && chdir(directory) == 0;
        if (starter == PLACE_USER && geteuid() == 0)
            ready = ready && setgroups(0, NULL) == 0 && setresgid(PLAIN_UID, PLAIN_UID, PLAIN_UID) == 0 &&
                    setresuid(PLAIN_UID, PLAIN_UID, PLAIN_UID) == 0;
        if (ready)
            execv(words[0], (char *const *)words);
        _exit(127);
    }
    close(steal_fd(&input));
    char *text = read_all(output);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return text;
}

static void remove_directory(const char *directory, const char *program)
{
    assert_int_equal(unlink(program), 0);
    assert_int_equal(rmdir(directory), 0);
}

// A directory that the user may read, with a copy of the program in it.
static void make_directory(const char *program, char directory[static 32], char path[static 64])
{
    snprintf(directory, 32, "/tmp/escape-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chmod(directory, 0755), 0);
    snprintf(path, 64, "%s/attack", directory);
    copy_program(program, path, geteuid());
}

static char *run_in_command(const struct place *place, const char *const *arguments)
{
    char run[320], directory[32], program[64];
    run_path(run);
    make_directory(arguments[0], directory, program);
    const char *words[WORDS_MAX] = {run,  "--profile", place_profile_name(place->profile), "--ro", directory,
                                    "--", program};
    size_t count = 7;
    for (size_t i = 1; arguments[i]; i++) {
        assert_true(count < WORDS_MAX - 1);
        words[count++] = arguments[i];
    }
    char *text = run_as(place->starter, "/", words);
    remove_directory(directory, program);
    return text;
}

char *place_run(const struct place *place, const char *const *arguments)
{
    if (place->profile == PLACE_DESKTOP)
        return run_in_desktop(place, arguments);
    return place->profile == PLACE_PARKED ? run_in_parked(place, arguments)
                                          : run_in_command(place, arguments);
}

char *place_run_outside(enum place_starter starter, const char *const *arguments)
{
    char directory[32], program[64];
    make_directory(arguments[0], directory, program);
    const char *words[PLACE_ARGUMENTS_MAX + 1] = {program};
    for (size_t i = 1; arguments[i]; i++)
        words[i] = arguments[i];
    char *text = run_as(starter, directory, words);
    remove_directory(directory, program);
    return text;
}
