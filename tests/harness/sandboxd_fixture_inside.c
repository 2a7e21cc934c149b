// What happens in its sandboxes: homes, scripts, processes.
#include "tests/harness/sandboxd_fixture_private.h"

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
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

uid_t sandboxd_host_uid(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request)
{
    return fixture->mode == SANDBOXD_DELEGATED ? fixture->uid_base + request->account_number : fixture->uid;
}

void sandboxd_home(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request,
                   char path[static 160])
{
    char owner[ID_TEXT_SIZE];
    id_format(&request->owner, owner);
    snprintf(path, 160, "%s/homes/%s", fixture->directory, owner);
}

static void make_directory(const char *path, uid_t uid)
{
    if (mkdir(path, 0700) < 0)
        assert_int_equal(errno, EEXIST);
    sandboxd_own(path, uid);
}

static void write_script(const char *path, uid_t uid, const char *script)
{
    AUTO_FILE FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "cd; { %s\n} >~/result.new 2>&1; mv ~/result.new ~/result\n", script);
    sandboxd_own(path, uid);
}

void sandboxd_script(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request,
                     const char *script)
{
    static const char *const below[] = {"", "/.config", "/.config/openbox"};
    char home[160], path[256];
    struct stat status;
    sandboxd_home(fixture, request, home);
    // A home that was in a parked sandbox has the uid of that one.
    uid_t uid = lstat(home, &status) == 0 ? status.st_uid : sandboxd_host_uid(fixture, request);
    for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", home, below[i]);
        make_directory(path, uid);
    }
    snprintf(path, sizeof(path), "%s/result", home);
    unlink(path);
    snprintf(path, sizeof(path), "%s/.config/openbox/autostart", home);
    write_script(path, uid, script);
}

char *sandboxd_result(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request)
{
    char home[160], path[256];
    sandboxd_home(fixture, request, home);
    snprintf(path, sizeof(path), "%s/result", home);
    AUTO_FD int watch = inotify_init1(IN_CLOEXEC);
    assert_true(watch >= 0 && inotify_add_watch(watch, home, IN_MOVED_TO) >= 0);
    while (access(path, F_OK) < 0) {
        struct pollfd changed = {.fd = watch, .events = POLLIN};
        char events[4096];
        assert_int_equal(poll(&changed, 1, sandboxd_deadline_ms()), 1);
        assert_true(read(watch, events, sizeof(events)) > 0);
    }
    char *text;
    assert_int_equal(read_file_at(AT_FDCWD, path, 1u << 20, &text, NULL), 0);
    return text;
}

// An orphan that the machine's pid 1 has not reaped yet runs no more.
static bool is_zombie(const char *pid)
{
    char path[300];
    AUTO_FREE char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    if (read_file_at(AT_FDCWD, path, 4096, &text, NULL) < 0)
        return true;
    const char *state = strrchr(text, ')');
    return state && state[1] == ' ' && state[2] == 'Z';
}

static bool is_ours(const struct sandboxd_fixture *fixture, const char *pid, const char *name)
{
    char path[300];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%s", pid);
    if (stat(path, &status) < 0)
        return false;
    bool ours = fixture->mode == SANDBOXD_DELEGATED
                    ? status.st_uid > fixture->uid_base && status.st_uid - fixture->uid_base < UIDS_OF_A_NODE
                    : status.st_uid == fixture->uid;
    AUTO_FREE char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    if (!ours || is_zombie(pid) || read_file_at(AT_FDCWD, path, 64, &text, NULL) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    static const char *const known[] = {"sandbox-init", "Xvfb", "openbox", "tint2", "sandbox-streame"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (name ? strcmp(text, name) == 0 : strcmp(text, known[i]) == 0)
            return true;
    }
    return false;
}

pid_t sandboxd_find_process(const struct sandboxd_fixture *fixture, const char *name)
{
    DIR *processes = opendir("/proc");
    assert_non_null(processes);
    pid_t found = 0;
    for (struct dirent *entry; !found && (entry = readdir(processes));) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && is_ours(fixture, entry->d_name, name))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    closedir(processes);
    return found;
}

void sandboxd_expect_nothing(const struct sandboxd_fixture *fixture)
{
    char path[64];
    AUTO_FREE char *status = NULL;
    pid_t left = sandboxd_find_process(fixture, NULL);
    if (left == 0)
        return;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)left);
    read_file_at(AT_FDCWD, path, 4096, &status, NULL);
    fail_msg("process %d is left\n%s", (int)left, status ? status : "and ended meanwhile");
}

void sandboxd_run_script(struct sandboxd_fixture *fixture, const struct id *sandbox, const char *script)
{
    struct sandboxd_message message = {.kind = SANDBOXD_RUN, .run = {.sandbox = *sandbox}};
    struct command_words *command = &message.run.command;
    const char *const words[] = {"/bin/sh", "-c", script};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t size = strlen(words[i]) + 1;
        assert_true(command->length + size <= COMMAND_TEXT_MAX);
        memcpy(command->text + command->length, words[i], size);
        command->length += (uint32_t)size;
        command->count++;
    }
    sandboxd_send(fixture, &message);
}
