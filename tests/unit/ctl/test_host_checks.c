// doctor's view of a host: a tree of files as a well kept one has them, from which one thing at a time is taken.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/host_checks.h"

static const char *const directories[] = {
    "proc",          "proc/net",    "proc/sys",           "proc/sys/kernel", "proc/sys/kernel/yama",
    "proc/sys/user", "proc/sys/fs", "proc/sys/fs/inotify"};
static const char *const files[][2] = {
    {"proc/sys/kernel/unprivileged_userns_clone", "1"},
    {"proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0"},
    {"proc/sys/kernel/yama/ptrace_scope", "1"},
    {"proc/sys/kernel/kptr_restrict", "1"},
    {"proc/sys/kernel/dmesg_restrict", "1"},
    {"proc/sys/kernel/unprivileged_bpf_disabled", "2"},
    {"proc/sys/fs/protected_hardlinks", "1"},
    {"proc/sys/fs/protected_symlinks", "1"},
    {"proc/sys/fs/inotify/max_user_instances", "512"},
    {"proc/sys/fs/inotify/max_user_watches", "262144"},
    {"proc/sys/user/max_user_namespaces", "30000"},
    {"proc/sys/user/max_pid_namespaces", "30000"},
    {"proc/sys/user/max_net_namespaces", "30000"},
    {"proc/sys/user/max_mnt_namespaces", "30000"},
    {"proc/sys/user/max_ipc_namespaces", "30000"},
    {"proc/sys/user/max_uts_namespaces", "30000"},
    {"proc/sys/user/max_cgroup_namespaces", "30000"},
};
#define HEADING                                                                                              \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define LOOPBACK                                                                                             \
    HEADING                                                                                                  \
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"       \
    "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"       \
    "   2: 0A00000A:1F90 0B00000A:9999 01 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
#define ANY                                                                                                  \
    HEADING "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 "  \
            "1\n"
#define LOOPBACK6                                                                                            \
    HEADING "   0: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A "          \
            "00000000:00000000\n"
#define ANY6                                                                                                 \
    HEADING "   0: 00000000000000000000000000000000:1538 00000000000000000000000000000000:0000 0A "          \
            "00000000:00000000\n"

static char root[64];
static struct host_finding findings[HOST_FINDINGS_MAX];

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    memcpy(root, "/tmp/host-checks-XXXXXX", 24);
    if (!mkdtemp(root))
        return -1;
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/%s", root, directories[i]);
        if (mkdir(path, 0700) < 0)
            return -1;
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        put(files[i][0], files[i][1]);
    put("proc/net/tcp", LOOPBACK);
    put("proc/net/tcp6", LOOPBACK6);
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

// The findings that are not ok; the last of them in *ret_one.
static unsigned examine(const struct host_finding **ret_one)
{
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct host_question question = {.root = fd,
                                     .sandboxes = 32,
                                     .ports = {{8080, "sandbox-server", "set HOST=127.0.0.1"},
                                               {0, "/metrics", ""},
                                               {5432, "PostgreSQL", "set listen_addresses"}}};
    size_t count = host_checks(&question, findings);
    unsigned bad = 0;
    close(fd);
    for (size_t i = 0; i < count; i++) {
        if (findings[i].verdict == VERDICT_OK)
            continue;
        bad++;
        *ret_one = &findings[i];
    }
    return bad;
}

static void test_each_setting(void **state)
{
    (void)state;
    const struct host_finding *one = NULL;
    assert_int_equal(examine(&one), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        put(files[i][0], strstr(files[i][0], "apparmor") ? "1\n" : "0\n");
        assert_int_equal(examine(&one), 1);
        assert_non_null(strstr(files[i][0], strrchr(one->name, '.') + 1));
        assert_non_null(strstr(one->detail, "sysctl --system"));
        bool needed = strstr(files[i][0], "namespaces") || strstr(files[i][0], "userns_clone");
        assert_int_equal(one->verdict, needed ? VERDICT_FAILED : VERDICT_WEAK);
        put(files[i][0], files[i][1]);
    }
    put("proc/sys/user/max_user_namespaces", "2111"); // one too few for 32
    assert_int_equal(examine(&one), 1);
    assert_non_null(strstr(one->detail, "user.max_user_namespaces=2112"));
    put("proc/sys/user/max_user_namespaces", "30000");
    put("proc/sys/fs/inotify/max_user_instances", "128"); // what Linux has by itself
    assert_int_equal(examine(&one), 1);
    assert_non_null(strstr(one->detail, "fs.inotify.max_user_instances=512"));
    put("proc/sys/fs/inotify/max_user_instances", "512");
    put("proc/sys/user/max_user_namespaces", "many");
    assert_int_equal(examine(&one), 1);
}

static void test_absent_settings(void **state)
{
    (void)state;
    const struct host_finding *one = NULL;
    char path[256];
    snprintf(path, sizeof(path), "%s/proc/sys/kernel/unprivileged_userns_clone", root);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(examine(&one), 0);
    snprintf(path, sizeof(path), "%s/proc/sys/kernel/yama/ptrace_scope", root);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(examine(&one), 1);
}

static void test_ports(void **state)
{
    (void)state;
    const struct host_finding *one = NULL;
    put("proc/net/tcp", ANY);
    assert_int_equal(examine(&one), 1);
    assert_int_equal(one->verdict, VERDICT_FAILED);
    assert_non_null(strstr(one->detail, "sandbox-server (port 8080)"));
    assert_non_null(strstr(one->detail, "set HOST=127.0.0.1, or run: nft "));
    assert_non_null(strstr(one->detail, "dport 8080 drop'"));
    put("proc/net/tcp", LOOPBACK);
    put("proc/net/tcp6", ANY6);
    assert_int_equal(examine(&one), 1);
    assert_non_null(strstr(one->detail, "PostgreSQL (port 5432)"));
    assert_non_null(strstr(one->detail, "set listen_addresses, or run: nft "));
    put("proc/net/tcp6", "\n:::\n 0: 00:1F90\n");
    assert_int_equal(examine(&one), 0);
}

static void test_modes(void **state)
{
    (void)state;
    char path[256];
    struct host_finding finding;
    put("key", "");
    snprintf(path, sizeof(path), "%s/key", root);
    chmod(path, 0600);
    host_check_mode(path, 077, 0, "make one", &finding);
    assert_int_equal(finding.verdict, VERDICT_OK);
    chmod(path, 0640);
    host_check_mode(path, 077, 0, "make one", &finding);
    assert_int_equal(finding.verdict, VERDICT_FAILED);
    assert_non_null(strstr(finding.detail, "run: chmod 0600 "));
    unlink(path);
    host_check_mode(path, 077, 0, "make one", &finding);
    assert_int_equal(finding.verdict, VERDICT_WEAK);
    assert_non_null(strstr(finding.detail, "run: make one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_setting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_absent_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ports, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_modes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
