// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/ipc.h"

static void pair(int fds[2])
{
    assert_int_equal(ipc_pair(SOCK_NONBLOCK, fds), 0);
}

static void nothing_there_is_eagain(void **state)
{
    (void)state;
    int fds[2];
    char buffer[8];
    struct ipc_packet packet = {.length = 77};
    pair(fds);
    assert_int_equal(ipc_receive(fds[0], buffer, sizeof(buffer), &packet), -EAGAIN);
    assert_int_equal(packet.length, 77);
    close(fds[1]);
    assert_int_equal(ipc_receive(fds[0], buffer, sizeof(buffer), &packet), -ECONNRESET);
    assert_int_equal(ipc_send(fds[0], "x", 1, NULL, 0), -EPIPE);
    close(fds[0]);
}

static void a_long_packet_is_lost_with_its_descriptors(void **state)
{
    (void)state;
    int fds[2];
    char buffer[4];
    struct ipc_packet packet;
    pair(fds);
    int next = dup(0); // the number that the next descriptor gets
    close(next);
    assert_int_equal(ipc_send(fds[1], "12345", 5, &fds[1], 1), 0);
    assert_int_equal(ipc_receive(fds[0], buffer, sizeof(buffer), &packet), -EMSGSIZE);
    int again = dup(0);
    assert_int_equal(again, next); // what came along was closed
    close(again);
    close(fds[0]);
    close(fds[1]);
}

static void too_many_descriptors_are_refused(void **state)
{
    (void)state;
    int fds[2], many[IPC_FDS_MAX + 1];
    char buffer[8];
    struct ipc_packet packet;
    pair(fds);
    for (size_t i = 0; i < IPC_FDS_MAX + 1; i++)
        many[i] = fds[1];
    assert_int_equal(ipc_send(fds[1], "x", 1, many, IPC_FDS_MAX + 1), -EINVAL);
    assert_int_equal(ipc_send(fds[1], "x", 1, many, IPC_FDS_MAX), 0);
    assert_int_equal(ipc_receive(fds[0], buffer, sizeof(buffer), &packet), 0);
    assert_int_equal(packet.fd_count, IPC_FDS_MAX);
    ipc_packet_finish(&packet);
    ipc_packet_finish(&packet); // twice is harmless
    close(fds[0]);
    close(fds[1]);
}

static void a_listener_replaces_a_stale_file(void **state)
{
    (void)state;
    char directory[] = "/tmp/ipc-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/s", directory);
    for (int round = 0; round < 2; round++) {
        AUTO_FD int listener = -1;
        AUTO_FD int client = -1;
        struct stat status;
        assert_int_equal(ipc_listen(path, 0600, &listener), 0);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_int_equal(ipc_connect(path, &client), 0);
        uid_t uid;
        assert_int_equal(ipc_peer_uid(client, &uid), 0);
        assert_int_equal(uid, geteuid());
    }
    unlink(path);
    rmdir(directory);
    char long_path[200];
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    int fd;
    assert_int_equal(ipc_listen(long_path, 0600, &fd), -ENAMETOOLONG);
}

static void unwanted_descriptors_are_refused(void **state)
{
    (void)state;
    int fds[2];
    char buffer[8];
    struct ipc_packet packet;
    pair(fds);
    int result = ipc_refuse_fds(fds[0]);
    if (result == -EOPNOTSUPP) {
        print_message("this kernel has no SO_PASSRIGHTS (Linux 6.16)\n");
        skip();
    }
    assert_int_equal(result, 0);
    assert_int_equal(ipc_send(fds[1], "x", 1, &fds[1], 1), -EPERM);
    assert_int_equal(ipc_send(fds[1], "x", 1, NULL, 0), 0);
    assert_int_equal(ipc_receive(fds[0], buffer, sizeof(buffer), &packet), 0);
    assert_int_equal(packet.fd_count, 0);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_there_is_eagain),
        cmocka_unit_test(a_long_packet_is_lost_with_its_descriptors),
        cmocka_unit_test(too_many_descriptors_are_refused),
        cmocka_unit_test(unwanted_descriptors_are_refused),
        cmocka_unit_test(a_listener_replaces_a_stale_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
