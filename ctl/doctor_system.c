// Findings about an installation by package; of any other there are none.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/doctor.h"
#include "lib/cleanup.h"
#include "lib/fd.h"

#define PROFILES "/sys/kernel/security/apparmor/profiles"
#define RESTRICTION "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
// The unit copies the programs there when it starts: sandboxd and what it starts stay of one version over an upgrade.
#define RUNNING_PROGRAMS "/var/lib/sandboxd/programs/bin"
#define TEXT_MAX (1u << 20)

static const char *const profiles[] = {"sandboxd",       "sandbox-server", "sandbox-init", "sandbox-streamer",
                                       "sandbox-egress", "sandbox-export", "sandbox-tick", "sandbox-run"};

static bool is_enforced(const char *list, const char *name)
{
    char line[128];
    size_t length = (size_t)snprintf(line, sizeof(line), "%s (enforce)", name);
    for (const char *p = list; (p = strstr(p, line)); p++) {
        if ((p == list || p[-1] == '\n') && (p[length] == '\n' || p[length] == '\0'))
            return true;
    }
    return false;
}

// Ubuntu 23.10 and later: who is not confined by a profile that permits it makes no user namespace that is worth something.
static bool namespaces_are_restricted(void)
{
    AUTO_FREE char *text = NULL;
    return read_file_at(AT_FDCWD, RESTRICTION, 16, &text, NULL) == 0 && text[0] == '1';
}

void check_apparmor(struct context *context, struct findings *findings)
{
    AUTO_FREE char *list = NULL;
    if (!context->packaged)
        return;
    enum verdict verdict = namespaces_are_restricted() ? VERDICT_FAILED : VERDICT_WEAK;
    int error = read_file_at(AT_FDCWD, PROFILES, TEXT_MAX, &list, NULL);
    if (error == -EACCES || error == -EPERM)
        return found(findings, VERDICT_WEAK, "apparmor", "not checked: run this as root");
    if (error)
        return found(findings, verdict, "apparmor",
                     "this kernel has no AppArmor: boot with apparmor=1 security=apparmor");
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        if (!is_enforced(list, profiles[i]))
            return found(
                findings, verdict, "apparmor",
                "the profile %s is not enforced%s; run: apparmor_parser -r /etc/apparmor.d/sandbox-server",
                profiles[i],
                verdict == VERDICT_FAILED ? ", and this system permits user namespaces by profile only" : "");
    }
    found(findings, VERDICT_OK, "apparmor", "every profile is enforced");
}

static bool same_content(const char *first, const char *second)
{
    AUTO_FILE FILE *one = fopen(first, "re");
    AUTO_FILE FILE *other = fopen(second, "re");
    char left[4096], right[sizeof(left)];
    size_t length = 0;
    if (!one || !other)
        return false;
    do {
        length = fread(left, 1, sizeof(left), one);
        if (fread(right, 1, sizeof(right), other) != length || memcmp(left, right, length) != 0)
            return false;
    } while (length > 0);
    return true;
}

void check_running_programs(struct context *context, struct findings *findings)
{
    static const char *const programs[] = {
        "sandboxd",       "sandbox-init",           "sandbox-streamer",  "sandbox-egress",
        "sandbox-keymap", "sandbox-sound",          "sandbox-display",   "sandbox-export",
        "sandbox-tick",   "sandbox-framebuffer.so", "sandbox-openbox.so"};
    const char *installed = config_text(context->config, CONFIG_PROGRAM_DIR);
    if (!context->packaged || access(RUNNING_PROGRAMS, F_OK) < 0)
        return;
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        char running[PATH_MAX], other[PATH_MAX];
        snprintf(running, sizeof(running), RUNNING_PROGRAMS "/%s", programs[i]);
        snprintf(other, sizeof(other), "%.2048s/%s", installed, programs[i]);
        if (!same_content(running, other))
            return found(
                findings, VERDICT_WEAK, "upgrade",
                "sandboxd still runs the programs of before the upgrade; when its sandboxes may end, run: "
                "systemctl restart sandboxd sandbox-server");
    }
    found(findings, VERDICT_OK, "upgrade", "sandboxd runs the installed programs");
}
