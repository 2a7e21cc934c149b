#include "backup/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define NOT_FOUND 127
#define ARGUMENT_MAX 256

static void cleanup_options(PQconninfoOption **options)
{
    PQconninfoFree(*options);
}

// In the child: a connection string's parts become libpq's variables.
static int set_environment(const PQconninfoOption *options)
{
    for (const PQconninfoOption *option = options; option && option->keyword; option++) {
        if (option->envvar && option->val && setenv(option->envvar, option->val, 1) < 0)
            return -errno;
    }
    return 0;
}

_Noreturn static void execute(const char *const *argv, const PQconninfoOption *options, int in, int out)
{
    // Who lends itself to another user is that one altogether here.
    if (setresgid(getegid(), getegid(), getegid()) < 0 || setresuid(geteuid(), geteuid(), geteuid()) < 0)
        _exit(126);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || set_environment(options) || dup2(in >= 0 ? in : null, STDIN_FILENO) < 0 ||
        dup2(out >= 0 ? out : null, STDOUT_FILENO) < 0)
        _exit(126);
    execvp(argv[0], (char *const *)argv);
    _exit(NOT_FOUND);
}

static int run(const char *const *argv, const PQconninfoOption *options, int in, int out)
{
    int status;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        execute(argv, options, in, out);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
        return -ENOENT;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static const char *database_name(const PQconninfoOption *options)
{
    const char *user = "";
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (strcmp(option->keyword, "dbname") == 0 && option->val)
            return option->val;
        if (strcmp(option->keyword, "user") == 0 && option->val)
            user = option->val;
    }
    return user; // libpq's own rule
}

int dump_make(const char *url, const char *snapshot, int out)
{
    CLEANUP(cleanup_options) PQconninfoOption *options = PQconninfoParse(url, NULL);
    char snapshot_argument[ARGUMENT_MAX];
    if (!options)
        return -EINVAL;
    snprintf(snapshot_argument, sizeof(snapshot_argument), "--snapshot=%s", snapshot);
    const char *const argv[] = {"pg_dump",
                                "--format=custom",
                                "--compress=0",
                                "--no-owner",
                                "--no-privileges",
                                "--exclude-table-data=sign_ins",
                                "--exclude-table-data=refresh_tokens",
                                snapshot_argument,
                                NULL};
    return run(argv, options, -1, out);
}

static int rewind_dump(int dump)
{
    return lseek(dump, 0, SEEK_SET) < 0 ? -errno : 0;
}

int dump_check(int dump)
{
    const char *const list[] = {"pg_restore", "--list", NULL};
    const char *const script[] = {"pg_restore", "--file=-", NULL};
    int error = rewind_dump(dump);
    if (!error)
        error = run(list, NULL, dump, -1);
    if (!error)
        error = rewind_dump(dump);
    return error ? error : run(script, NULL, dump, -1);
}

int dump_restore(const char *url, int dump)
{
    CLEANUP(cleanup_options) PQconninfoOption *options = PQconninfoParse(url, NULL);
    char name[ARGUMENT_MAX];
    if (!options)
        return -EINVAL;
    int length = snprintf(name, sizeof(name), "--dbname=%s", database_name(options));
    int error = length < (int)sizeof(name) ? rewind_dump(dump) : -ENAMETOOLONG;
    const char *const argv[] = {
        "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", name, NULL};
    return error ? error : run(argv, options, dump, -1);
}
