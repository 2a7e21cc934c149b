// What programs find inside a real sandbox: what they can't see, and the limits they run into.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/harness/sandboxd_fixture.h"

static enum sandboxd_mode mode;

// Runs the script in a fresh sandbox, which is still up when this returns.
static char *run(struct sandboxd_fixture *f, struct sandboxd_create *request, const char *script)
{
    sandboxd_prepare(f, mode);
    sandboxd_start(f);
    *request = sandboxd_request(5);
    sandboxd_script(f, request, script);
    sandboxd_create(f, request);
    return sandboxd_result(f, request);
}

static void expect_line(const char *text, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = strstr(text, line); at; at = strstr(at + 1, line)) {
        if ((at == text || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0'))
            return;
    }
    print_error("missing \"%s\" in:\n%s\n", line, text);
    fail();
}

static const char look_around[] =
    "echo id $(id -u) $(id -g) $(id -G)\n"
    "echo host $(hostname)\n"
    "grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs):' /proc/self/status | tr '\\t' ' '\n"
    "echo links $(awk -F: 'NR>2{print $1}' /proc/net/dev | tr -d ' ')\n"
    "echo routes $(tail -n +2 /proc/net/route | wc -l)\n"
    "echo first $(cat /proc/1/comm)\n"
    "echo composes $(cat \"$(tr '\\0' '\\n' </proc/$(pidof openbox)/environ | sed -n "
    "s/^XCOMPOSEFILE=//p)\")\n"
    "echo foreign $(ps -e -o user= | grep -vc '^user')\n"
    "echo devices $(ls /dev | tr '\\n' ' ')\n"
    "for f in /etc/shadow /etc/sudoers /root /home/root /sys /boot /var/log /mnt /srv /run/dbus "
    "/proc/1/mem; do\n"
    "  (exec 3<\"$f\") 2>/dev/null && echo readable $f; done\n"
    "for f in / /usr /etc /sandbox /proc/sys/kernel /var; do\n"
    "  (: >$f/x) 2>/dev/null && echo writable $f; done\n"
    "(exec 3>/proc/sys/kernel/core_pattern) 2>/dev/null && echo writable core_pattern\n"
    "(exec 3>/proc/sysrq-trigger) 2>/dev/null; echo x 2>/dev/null >/proc/sysrq-trigger\n"
    "echo secrets $(cat /proc/kcore /proc/keys /proc/cmdline /proc/kallsyms /proc/timer_list 2>/dev/null "
    "| wc -c)\n"
    "echo groups $(cut -d: -f3 /proc/self/cgroup | sort -u)\n"
    "kill -9 1; echo alive\n"
    "unshare -Ur true 2>/dev/null && echo nested user namespace\n"
    "unshare -Urm true 2>/dev/null && echo nested mount namespace\n"
    "mount -t tmpfs none /tmp 2>/dev/null && echo mounted\n"
    "(exec 3>/sandbox/sandbox-init) 2>/dev/null && echo writable init\n"
    "(exec 3>/proc/1/exe) 2>/dev/null && echo writable exe\n"
    "echo descriptors $(ls /proc/self/fd | wc -l)\n"
    "env | grep -E '^(SANDBOX|FILE_|NOTIFY|PROGRAM)' && echo leaked environment\n"
    "echo end";

static const char *const seen_inside[] = {
    "id 1000 1000 1000",
    "host sandbox",
    "composes include \"%L\"", // what the window manager starts has the rules that it did without
    "CapInh: 0000000000000000",
    "CapPrm: 0000000000000000",
    "CapEff: 0000000000000000",
    "CapBnd: 0000000000000000",
    "CapAmb: 0000000000000000",
    "NoNewPrivs: 1",
    "links lo",
    "routes 0",
    "first sandbox-init",
    "foreign 0",
    "devices fd full null ptmx pts random shm stderr stdin stdout tty urandom zero",
    "secrets 0",
    "groups /",
    "alive",
    "nested user namespace", // Chromium's own sandbox needs it
    "descriptors 4",         // standard ones and ls's own
    "end",
};

static void nothing_of_the_host_shows(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    AUTO_FREE char *text = run(&f, &request, look_around);
    for (size_t i = 0; i < sizeof(seen_inside) / sizeof(seen_inside[0]); i++)
        expect_line(text, seen_inside[i]);
    static const char *const never[] = {"readable", "writable", "nested mount", "mounted", "leaked"};
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        if (strstr(text, never[i])) {
            print_error("\"%s\" in:\n%s\n", never[i], text);
            fail();
        }
    }
    sandboxd_finish(&f);
}

static void a_fork_bomb_meets_its_limit(void **state)
{
    (void)state;
    if (mode != SANDBOXD_DELEGATED)
        skip(); // without control groups nothing bounds processes, which the layers report says
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    // Whoever meets the limit can't start another program: what counts and clears up is built into the shell.
    AUTO_FREE char *text =
        run(&f, &request,
            "sh -c 'for i in $(seq 400); do sleep 1000 & done'\n"
            "set -- /proc/[0-9]*; echo processes $#\n"
            "n=0; for p in \"$@\"; do read -r c <$p/comm; [ $c = sleep ] && n=$((n + 1)) && "
            "[ $n -lt 10 ] && kill -9 ${p#/proc/}; done; wait");
    const char *count = strstr(text, "processes ");
    assert_non_null(count);
    assert_in_range(strtol(count + strlen("processes "), NULL, 10), 150, 200);
    sandboxd_end(&f, &request.sandbox);
    assert_int_equal(sandboxd_find_process(&f, "sleep"), 0);
    sandboxd_finish(&f);
}

static void a_memory_hog_dies_alone(void **state)
{
    (void)state;
    if (mode != SANDBOXD_DELEGATED)
        skip(); // as above
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    AUTO_FREE char *text = run(&f, &request, "(exec tail /dev/zero); echo status $?");
    expect_line(text, "status 137");
    struct sandboxd_message list = {.kind = SANDBOXD_LIST};
    sandboxd_send(&f, &list);
    struct sandboxd_entry entry = sandboxd_expect(&f, SANDBOXD_ENTRY, NULL).entry;
    assert_int_equal(entry.ready, 1); // the desktop lives on
    assert_in_range(entry.usage.peak_memory_bytes, 400u << 20, 512u << 20);
    sandboxd_expect(&f, SANDBOXD_LIST_END, NULL);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

static void file_systems_in_memory_are_bounded(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    AUTO_FREE char *text =
        run(&f, &request,
            "head -c 400M /dev/zero >/tmp/fill 2>/dev/null || echo size bounded; rm /tmp/fill\n"
            "mkdir /tmp/d; cd /tmp/d; seq 70000 | xargs -n 5000 touch 2>/dev/null || echo inodes bounded");
    expect_line(text, "size bounded");
    expect_line(text, "inodes bounded");
    sandboxd_finish(&f);
}

static void the_usual_keymap_is_ready_and_others_are_compiled(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    AUTO_FREE char *text =
        run(&f, &request,
            "cd /sandbox/desktop\n"
            "xkbcomp -w 1 -R/usr/share/X11/xkb -xkm - /tmp/usual <keymap.xkb && cmp /tmp/usual keymap.xkm && "
            "echo ready\n"
            "sed 's/pc+us/pc+de/' keymap.xkb | xkbcomp -w 0 -R/usr/share/X11/xkb -xkm - /tmp/other &&\n"
            "  ! cmp -s /tmp/usual /tmp/other && echo compiled\n"
            "setxkbmap de && setxkbmap -print | grep -o pc+de\n");
    expect_line(text, "ready");
    expect_line(text, "compiled");
    expect_line(text, "pc+de");
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

static void descriptors_are_bounded(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    AUTO_FREE char *text = run(
        &f, &request,
        "ulimit -n 1000000 2>/dev/null || echo files bounded; ulimit -c 1 2>/dev/null || echo core bounded");
    expect_line(text, "files bounded");
    expect_line(text, "core bounded");
    sandboxd_finish(&f);
}

// Each start of the window manager says by a FIFO that it is up, and waits there when nobody reads.
static void a_window_manager_that_is_started_again_leaves_no_shell_behind(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    AUTO_FREE char *text =
        run(&f, &request,
            "mkfifo /tmp/changes; xprop -root -spy _NET_SUPPORTING_WM_CHECK >/tmp/changes &\n"
            "exec 3</tmp/changes; read first <&3; kill -9 $(pidof openbox)\n"
            "read second <&3; kill $!; pidof openbox >/dev/null && echo restarted\n"
            "timeout 10 sh -c 'echo >/run/sandbox/ready' && echo somebody reads");
    expect_line(text, "restarted");
    expect_line(text, "somebody reads");
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

// Without one nobody can do anything: no menu, no terminal.
static void a_desktop_whose_window_manager_always_ends_is_over(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, SANDBOXD_PLAIN);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(1);
    sandboxd_script(&f, &request,
                    "while :; do for d in /proc/[0-9]*; do\n"
                    "  read -r name 2>/dev/null <$d/comm && [ \"$name\" = openbox ] && kill -9 ${d#/proc/}\n"
                    "done; done 2>/dev/null");
    sandboxd_create(&f, &request);
    assert_int_equal(sandboxd_expect_end(&f, &request.sandbox), STOP_DISPLAY);
    sandboxd_finish(&f);
}

static void copy_program(const char *from, const char *to, uid_t uid)
{
    AUTO_FREE char *program = NULL;
    size_t length;
    assert_int_equal(read_file_at(AT_FDCWD, from, 16u << 20, &program, &length), 0);
    AUTO_FD int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, program, length), 0);
    assert_int_equal(fchmod(fd, 0755), 0);
    if (geteuid() == 0)
        assert_int_equal(fchown(fd, uid, uid), 0);
}

// What a program from outside the sandbox's files says when its desktop is ready.
static char *run_program(struct sandboxd_fixture *f, struct sandboxd_create *ret_request, const char *program)
{
    sandboxd_prepare(f, mode);
    sandboxd_start(f);
    *ret_request = sandboxd_request(5);
    char path[200];
    sandboxd_script(f, ret_request, "./program");
    sandboxd_home(f, ret_request, path);
    strncat(path, "/program", sizeof(path) - strlen(path) - 1);
    copy_program(program, path, sandboxd_host_uid(f, ret_request));
    sandboxd_create(f, ret_request);
    return sandboxd_result(f, ret_request);
}

static void known_doors_are_shut(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    AUTO_FREE char *text = run_program(&f, &request, getenv("DOORS"));
    expect_line(text, "knocked");
    if (strstr(text, ": open")) {
        print_error("%s", text);
        fail();
    }
    sandboxd_finish(&f);
}

// Otherwise the window manager takes its shortcuts anew at that key, and loses the one that is pressed meanwhile.
static void the_first_key_of_a_user_changes_no_keymap(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    AUTO_FREE char *text = run_program(&f, &request, getenv("FIRST_KEY"));
    expect_line(text, "the same keymap");
    sandboxd_finish(&f);
}

// An installation with the hostile pid 1 in it, and what there is no start without.
static void install_hostile_init(struct sandboxd_fixture *f)
{
    static const char *const directories[] = {"p", "p/bin", "p/share", "p/share/sandbox-server",
                                              "p/share/sandbox-server/desktop"};
    char path[300];
    snprintf(f->program_dir, sizeof(f->program_dir), "%s/p/bin", f->directory);
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->directory, directories[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    snprintf(path, sizeof(path), "%s/p/bin/sandbox-init", f->directory);
    copy_program(getenv("HOSTILE_INIT"), path, 0);
    static const char *const others[] = {"sandbox-egress", "sandbox-openbox.so"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char link[300];
        snprintf(path, sizeof(path), "%s/bin/%s", getenv("PROGRAMS"), others[i]);
        snprintf(link, sizeof(link), "%s/p/bin/%s", f->directory, others[i]);
        assert_int_equal(symlink(path, link), 0);
    }
}

static void choose_attack(const struct sandboxd_fixture *f, const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/p/share/sandbox-server/desktop/attack", f->directory);
    AUTO_FILE FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(name, file) >= 0);
}

// sandbox-init shares its sandbox with hostile programs: what it says is never trusted.
static void a_hostile_init_ends_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool ready; // it may get as far as that, when its network is there before its next words
        enum stop_reason end;
    } attacks[] = {
        {"nonsense", false, STOP_NONE},
        {"large", false, STOP_NONE},
        {"short", false, STOP_NONE},
        {"wrong stage", false, STOP_NONE},
        {"no display", false, STOP_NONE},
        {"display is a device", false, STOP_NONE},
        {"display is a path to a device", false, STOP_NONE},
        {"display is a socket", false, STOP_NONE},
        {"two displays at once", false, STOP_NONE},
        {"second display", false, STOP_NONE},
        {"ready without display", false, STOP_NONE},
        {"ready with a descriptor", false, STOP_NONE},
        {"bound", false, STOP_NONE},
        {"failed in the middle", false, STOP_NONE},
        {"told to start", false, STOP_NONE},
        {"told to bind", false, STOP_NONE},
        {"told to run", false, STOP_NONE},
        {"told to sound", false, STOP_NONE},
        {"up, then ready", true, STOP_CRASH},
        {"up, then bound", true, STOP_CRASH},
        {"up, then failed", true, STOP_CRASH},
        {"up, then flood", true, STOP_CRASH},
        {"up, then the display ended", true, STOP_DISPLAY},
        {"up, then the display was killed", true, STOP_DISPLAY},
    };
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, mode);
    install_hostile_init(&f);
    sandboxd_start(&f);
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        struct sandboxd_message message = {.kind = SANDBOXD_CREATE, .create = sandboxd_request(5)};
        print_message("%s\n", attacks[i].name);
        choose_attack(&f, attacks[i].name);
        sandboxd_send(&f, &message);
        struct sandboxd_message answer = sandboxd_expect_any(&f);
        if (answer.kind == SANDBOXD_READY && attacks[i].ready)
            assert_int_equal(sandboxd_expect_end(&f, &message.create.sandbox), attacks[i].end);
        else
            assert_int_equal(answer.kind, SANDBOXD_FAILED);
        struct sandboxd_message list = {.kind = SANDBOXD_LIST};
        sandboxd_send(&f, &list);
        sandboxd_expect(&f, SANDBOXD_LIST_END, NULL);
    }
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_the_host_shows),
        cmocka_unit_test(a_fork_bomb_meets_its_limit),
        cmocka_unit_test(a_memory_hog_dies_alone),
        cmocka_unit_test(file_systems_in_memory_are_bounded),
        cmocka_unit_test(descriptors_are_bounded),
        cmocka_unit_test(a_window_manager_that_is_started_again_leaves_no_shell_behind),
        cmocka_unit_test(a_desktop_whose_window_manager_always_ends_is_over),
        cmocka_unit_test(known_doors_are_shut),
        cmocka_unit_test(the_first_key_of_a_user_changes_no_keymap),
        cmocka_unit_test(a_hostile_init_ends_alone),
        cmocka_unit_test(the_usual_keymap_is_ready_and_others_are_compiled),
    };
    return sandboxd_run_tests(&mode, tests, sizeof(tests) / sizeof(tests[0]));
}
