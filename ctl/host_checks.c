#include "ctl/host_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define SETTING_MAX 64
#define TABLE_MAX (4u << 20) // bytes of /proc/net/tcp
#define TCP_LISTEN 0x0a      // its state column

enum need { AT_LEAST, AT_MOST, FOR_EACH_SANDBOX };

static const struct {
    const char *name; // as sysctl(8) has it
    enum need need;
    uint64_t value;       // FOR_EACH_SANDBOX: of each
    enum verdict verdict; // when it is not so
    bool may_be_absent;
    const char *why;
} settings[] = {
    {"kernel.unprivileged_userns_clone", AT_LEAST, 1, VERDICT_FAILED, true,
     "no sandbox can be made without user namespaces"},
    {"kernel.apparmor_restrict_unprivileged_userns", AT_MOST, 0, VERDICT_WEAK, true,
     "user namespaces need the AppArmor profiles of sandboxd and sandbox-run (aa-status lists them; "
     "apparmor_parser -r "
     "/etc/apparmor.d/*sandbox*); to lift it for all programs instead"},
    {"user.max_user_namespaces", FOR_EACH_SANDBOX, 66, VERDICT_FAILED, false, "each sandbox needs some"},
    {"user.max_pid_namespaces", FOR_EACH_SANDBOX, 65, VERDICT_FAILED, false, "each sandbox needs some"},
    {"user.max_net_namespaces", FOR_EACH_SANDBOX, 66, VERDICT_FAILED, false, "each sandbox needs some"},
    {"user.max_mnt_namespaces", FOR_EACH_SANDBOX, 2, VERDICT_FAILED, false, "each sandbox needs some"},
    {"user.max_ipc_namespaces", FOR_EACH_SANDBOX, 1, VERDICT_FAILED, false, "each sandbox needs one"},
    {"user.max_uts_namespaces", FOR_EACH_SANDBOX, 1, VERDICT_FAILED, false, "each sandbox needs one"},
    {"user.max_cgroup_namespaces", FOR_EACH_SANDBOX, 1, VERDICT_FAILED, false, "each sandbox needs one"},
    // The kernel counts those of every sandbox for commands for sandboxd's user as well, and each may have so many (sandbox/DESIGN.md).
    {"fs.inotify.max_user_instances", FOR_EACH_SANDBOX, 16, VERDICT_WEAK, false,
     "some sandboxes could use up what programs of all need that watch files"},
    {"fs.inotify.max_user_watches", FOR_EACH_SANDBOX, 8192, VERDICT_WEAK, false,
     "some sandboxes could use up what programs of all need that watch files"},
    {"kernel.yama.ptrace_scope", AT_LEAST, 1, VERDICT_WEAK, false,
     "programs of one user may read each other's memory, the services' too"},
    {"kernel.kptr_restrict", AT_LEAST, 1, VERDICT_WEAK, false,
     "addresses of the kernel are told to everybody"},
    {"kernel.dmesg_restrict", AT_LEAST, 1, VERDICT_WEAK, false, "the kernel's log is told to everybody"},
    {"kernel.unprivileged_bpf_disabled", AT_LEAST, 1, VERDICT_WEAK, true, "everybody may load BPF programs"},
    {"fs.protected_hardlinks", AT_LEAST, 1, VERDICT_WEAK, false, "links to files of others may be made"},
    {"fs.protected_symlinks", AT_LEAST, 1, VERDICT_WEAK, false,
     "links in shared directories lead programs astray"},
};
#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

__attribute__((format(printf, 3, 4))) static void tell(struct host_finding *finding, enum verdict verdict,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->detail, sizeof(finding->detail), format, arguments);
    va_end(arguments);
    finding->verdict = verdict;
}

static int read_setting(int root, const char *name, uint64_t *ret_value)
{
    char path[128];
    AUTO_FREE char *text = NULL;
    snprintf(path, sizeof(path), "proc/sys/%s", name);
    for (char *p = path; *p; p++)
        *p = *p == '.' ? '/' : *p;
    int error = read_file_at(root, path, SETTING_MAX, &text, NULL);
    if (error)
        return error;
    char *end;
    errno = 0;
    *ret_value = strtoull(text, &end, 10);
    return errno || end == text ? -EINVAL : 0;
}

static void check_setting(const struct host_question *question, size_t i, struct host_finding *finding)
{
    uint64_t value, wanted = settings[i].value;
    snprintf(finding->name, sizeof(finding->name), "%s", settings[i].name);
    if (settings[i].need == FOR_EACH_SANDBOX)
        wanted *= question->sandboxes;
    int error = read_setting(question->root, settings[i].name, &value);
    if (error == -ENOENT && settings[i].may_be_absent)
        return tell(finding, VERDICT_OK, "not in this kernel");
    if (error == -ENOENT)
        return tell(finding, VERDICT_WEAK, "not in this kernel: %s; boot one that has it, as Debian's",
                    settings[i].why);
    if (error)
        return tell(finding, VERDICT_WEAK, "could not be read: %s", strerror(-error));
    bool fine = settings[i].need == AT_MOST ? value <= wanted : value >= wanted;
    if (fine)
        return tell(finding, VERDICT_OK, "%" PRIu64, value);
    tell(finding, settings[i].verdict,
         "%" PRIu64 ": %s; run: echo %s=%" PRIu64
         " >>/etc/sysctl.d/61-sandbox-server.conf && sysctl --system", // after the package's
         value, settings[i].why, settings[i].name, wanted);
}

// proc(5): words of four bytes in the host's order, as hexadecimal digits.
static bool is_loopback(const char *address)
{
    size_t length = strlen(address);
    if (length == 8)
        return strcmp(address + 6, "7F") == 0;
    return strcmp(address, "00000000000000000000000001000000") == 0 ||
           (strncmp(address, "0000000000000000FFFF0000", 24) == 0 && strcmp(address + 30, "7F") == 0);
}

static const struct host_port *find_port(const struct host_question *question, unsigned number)
{
    for (size_t i = 0; i < sizeof(question->ports) / sizeof(question->ports[0]); i++) {
        if (number && question->ports[i].number == number)
            return &question->ports[i];
    }
    return NULL;
}

static void find_open_port(const struct host_question *question, char *text, struct host_finding *finding)
{
    for (char *line; (line = strsep(&text, "\n"));) {
        char address[33];
        unsigned port, state;
        if (sscanf(line, " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x", address, &port, &state) != 3)
            continue; // the heading
        const struct host_port *found =
            state == TCP_LISTEN && !is_loopback(address) ? find_port(question, port) : NULL;
        if (found)
            tell(finding, VERDICT_FAILED,
                 "%s (port %u) listens on an address that others reach, and without TLS; %s, or run: nft "
                 "'add table inet guard; add chain inet guard input { type filter hook input priority 0; }; "
                 "add rule inet guard input iifname != \"lo\" tcp dport %u drop'",
                 found->name, port, found->mend, port);
    }
}

static void check_ports(const struct host_question *question, struct host_finding *finding)
{
    static const char *const tables[] = {"proc/net/tcp", "proc/net/tcp6"};
    snprintf(finding->name, sizeof(finding->name), "ports");
    tell(finding, VERDICT_OK, "none of ours listens beyond this host");
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        AUTO_FREE char *text = NULL;
        int error = read_file_at(question->root, tables[i], TABLE_MAX, &text, NULL);
        if (!error)
            find_open_port(question, text, finding);
        else if (error != -ENOENT || i == 0) // a kernel without IPv6
            tell(finding, VERDICT_WEAK, "/%s could not be read: %s", tables[i], strerror(-error));
    }
}

size_t host_checks(const struct host_question *question,
                   struct host_finding findings[static HOST_FINDINGS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++)
        check_setting(question, i, &findings[count++]);
    check_ports(question, &findings[count++]);
    return count;
}

void host_check_mode(const char *path, unsigned forbidden, int64_t owner, const char *maker,
                     struct host_finding *ret_finding)
{
    struct stat status;
    if (stat(path, &status) < 0 && errno == ENOENT)
        return tell(ret_finding, VERDICT_WEAK, "%s is not there; run: %s", path, maker);
    if (stat(path, &status) < 0)
        return tell(ret_finding, VERDICT_WEAK, "%s: %s", path, strerror(errno));
    if (status.st_mode & forbidden)
        return tell(ret_finding, VERDICT_FAILED, "%s: mode %04o gives others too much; run: chmod %04o %s",
                    path, status.st_mode & 07777, status.st_mode & 07777 & ~forbidden, path);
    if (owner >= 0 && status.st_uid != 0 && status.st_uid != geteuid() && status.st_uid != (uid_t)owner)
        return tell(ret_finding, VERDICT_FAILED, "%s belongs to uid %u; run: chown root %s", path,
                    status.st_uid, path);
    tell(ret_finding, VERDICT_OK, "%s", path);
}
