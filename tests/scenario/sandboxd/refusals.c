// What sandboxd refuses of its clients and of its configuration.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tests/harness/sandboxd_fixture.h"

static enum sandboxd_mode mode;

static enum start_stage refused(struct sandboxd_fixture *f, const struct sandboxd_create *request, int error)
{
    struct sandboxd_message message = {.kind = SANDBOXD_CREATE, .create = *request};
    sandboxd_send(f, &message);
    struct sandboxd_failed failed = sandboxd_expect(f, SANDBOXD_FAILED, NULL).failed;
    assert_int_equal(failed.error, error);
    return failed.stage;
}

static void descriptors_from_a_client_are_refused(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(ipc_pair(0, pair), 0);
    int possible = ipc_refuse_fds(pair[0]);
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_start(&f);
    if (possible == 0)
        assert_int_equal(ipc_send(f.client, "nonsense", 8, pair, 1), -EPERM);
    sandboxd_finish(&f);
    close(pair[0]);
    close(pair[1]);
    if (possible < 0)
        skip(); // before Linux 6.16
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    sandboxd_set(&f, "SANDBOX_MAX_PER_NODE=1");
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(71);
    sandboxd_create(&f, &request);
    assert_int_equal(refused(&f, &request, EEXIST), START_REFUSED);
    struct sandboxd_create other = sandboxd_request(72);
    assert_int_equal(refused(&f, &other, EUSERS), START_REFUSED);
    sandboxd_end(&f, &request.sandbox);
    other.limits.memory_mb = 4096;
    assert_int_equal(refused(&f, &other, ERANGE), START_REFUSED);
    // A message that is none costs the connection, not the service.
    assert_int_equal(ipc_send(f.client, "nonsense", 8, NULL, 0), 0);
    struct pollfd hung_up = {.fd = f.client, .events = POLLIN};
    assert_int_equal(poll(&hung_up, 1, sandboxd_deadline_ms()), 1);
    char byte;
    assert_int_equal(recv(f.client, &byte, 1, 0), 0);
    sandboxd_connect(&f);
    sandboxd_finish(&f);
}

static void configuration_is_checked(void **state)
{
    (void)state;
    char without_library[128]; // the desktop's files are found from there, the programs are not
    snprintf(without_library, sizeof(without_library), "PROGRAM_DIR=%s/share", getenv("PROGRAMS"));
    const char *const wrong[] = {
        "FILE_ENCRYPTION_ENABLED=true", "SANDBOX_LAYERS_REQUIRED=user_namespace,magic",
        "SANDBOX_CGROUP_BACKEND=v2",    "FILE_STORAGE_PATH=relative",
        "PROGRAM_DIR=/nonexistent",     without_library};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct sandboxd_fixture f;
        sandboxd_prepare(&f, SANDBOXD_PLAIN);
        for (unsigned k = 0; k < f.environment_count; k++) {
            size_t name = strcspn(wrong[i], "=") + 1;
            if (strncmp(f.environment[k], wrong[i], name) == 0)
                snprintf(f.environment[k], sizeof(f.environment[k]), "%s", wrong[i]);
        }
        if (strncmp(wrong[i], "PROGRAM_DIR=", 12) == 0)
            snprintf(f.program_dir, sizeof(f.program_dir), "%s", wrong[i] + 12);
        else
            sandboxd_set(&f, "%s", wrong[i]);
        assert_int_equal(sandboxd_start_refused(&f), 1);
        sandboxd_finish(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_from_a_client_are_refused),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(configuration_is_checked),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
