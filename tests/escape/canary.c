#include "tests/escape/canary.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

static int listen_unix(const char *name, bool abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(name) < sizeof(address.sun_path) - 1);
    memcpy(address.sun_path + abstract, name, strlen(name));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static int listen_tcp(unsigned *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static pid_t start_process(const char *name)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, name);
        for (;;)
            pause();
    }
    return pid;
}

#define SECRET "sung"

// In the keyring that all sessions of this user share.
static int32_t add_key(const char *name)
{
    long key = syscall(SYS_add_key, "user", name, SECRET, strlen(SECRET), KEY_SPEC_USER_KEYRING);
    assert_true(key > 0 || errno == ENOSYS);
    return key > 0 ? (int32_t)key : 0;
}

static void remove_key(int32_t key)
{
    char text[16] = "";
    if (key == 0)
        return; // a kernel without keys
    assert_int_equal(syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof(text)), strlen(SECRET));
    assert_string_equal(text, SECRET);
    assert_int_equal(syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING), 0);
}

static void expect_listening(int fd)
{
    int listening = 0;
    socklen_t length = sizeof(listening);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length), 0);
    assert_int_equal(listening, 1);
}

void canary_start(struct canary *canary)
{
    *canary = (struct canary){.pid = -1};
    snprintf(canary->directory, sizeof(canary->directory), "/tmp/canary-XXXXXX");
    assert_non_null(mkdtemp(canary->directory));
    assert_int_equal(chmod(canary->directory, 0777), 0);
    const char *unique = strrchr(canary->directory, '-') + 1;
    char path[96], host[96] = "";
    snprintf(canary->name, sizeof(canary->name), "canary-%s", unique);
    canary->pid = start_process(canary->name);
    canary->key = add_key(canary->name);
    canary->abstract = listen_unix(canary->name, true);
    snprintf(path, sizeof(path), "%s/socket", canary->directory);
    canary->socket = listen_unix(path, false);
    assert_int_equal(chmod(path, 0777), 0);
    snprintf(canary->words[0], sizeof(canary->words[0]), "socket=%s", path);
    snprintf(path, sizeof(path), "%s/file", canary->directory);
    AUTO_FD int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    assert_int_equal(write_all(file, "canary\n", 7), 0);
    assert_int_equal(fchmod(file, 0666), 0);
    snprintf(canary->words[1], sizeof(canary->words[1]), "file=%s", path);
    unsigned port;
    canary->tcp = listen_tcp(&port);
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    snprintf(canary->words[2], sizeof(canary->words[2]), "port=%u", port);
    snprintf(canary->words[3], sizeof(canary->words[3]), "host-name=%s", host);
    snprintf(canary->words[4], sizeof(canary->words[4]), "process=%s", canary->name);
    snprintf(canary->words[5], sizeof(canary->words[5]), "abstract=%s", canary->name);
}

void canary_arguments(const struct canary *canary, const char **ret_arguments)
{
    for (size_t i = 0; i < 6; i++)
        ret_arguments[i] = canary->words[i];
    ret_arguments[6] = NULL;
}

static void expect_untouched(const struct canary *canary)
{
    char path[96];
    AUTO_FREE char *text = NULL;
    snprintf(path, sizeof(path), "%s/file", canary->directory);
    assert_int_equal(read_file_at(AT_FDCWD, path, 64, &text, NULL), 0);
    assert_string_equal(text, "canary\n");
    int status;
    expect_listening(canary->abstract);
    expect_listening(canary->socket);
    expect_listening(canary->tcp);
    assert_int_equal(waitpid(canary->pid, &status, WNOHANG | WUNTRACED), 0); // runs, and was not stopped
}

void canary_stop(struct canary *canary)
{
    static const char *const names[] = {"socket", "file"};
    expect_untouched(canary);
    remove_key(canary->key);
    assert_int_equal(kill(canary->pid, SIGKILL), 0);
    assert_int_equal(waitpid(canary->pid, NULL, 0), canary->pid);
    close(canary->abstract);
    close(canary->socket);
    close(canary->tcp);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%s", canary->directory, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(canary->directory), 0); // fails when something was left there
}
