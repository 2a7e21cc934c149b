#include "tests/escape/doors/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

#define ATTEMPT_MAX_MS 5000
#define EXIT_OPEN 1
#define EXIT_SHUT 2 // and more: EXIT_SHUT + errno
#define EXIT_NOT_CONFINED 255

struct door_facts door_facts;

static const struct door_table *const tables[] = {&doors_mounting, &doors_kernel, &doors_processes,
                                                  &doors_sockets,  &doors_nested, &doors_files,
                                                  &doors_devices,  &doors_shared, &doors_host};

struct verdict {
    bool open;
    const char *why; // of a shut one
};

static void read_fact(const char *argument)
{
    static const struct {
        const char *name;
        const char **fact;
    } facts[] = {{"host-name=", &door_facts.host_name}, {"abstract=", &door_facts.abstract},
                 {"socket=", &door_facts.socket},       {"file=", &door_facts.file},
                 {"process=", &door_facts.process},     {"port=", &door_facts.port}};
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (strncmp(argument, facts[i].name, strlen(facts[i].name)) == 0) {
            *facts[i].fact = argument + strlen(facts[i].name);
            return;
        }
    }
    fprintf(stderr, "sandbox-doors: unknown argument %s\n", argument);
    exit(125);
}

static struct verdict judge(int status)
{
    if (WIFSIGNALED(status))
        return (struct verdict){false, WTERMSIG(status) == SIGSYS ? "killed by the filter"
                                                                  : strsignal(WTERMSIG(status))};
    int code = WEXITSTATUS(status);
    if (code == EXIT_OPEN)
        return (struct verdict){.open = true};
    return (struct verdict){false, code > EXIT_SHUT ? strerror(code - EXIT_SHUT) : "nothing there"};
}

// In a process and a session of its own: it may die, and what it starts dies with it.
static struct verdict try_door(const struct door *door, int (*confine_attempt)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (pid < 0)
        return (struct verdict){false, strerror(errno)};
    if (pid == 0) {
        if (confine_attempt && confine_attempt())
            _exit(EXIT_NOT_CONFINED);
        int result = door->attempt(door);
        _exit(result > 0 ? EXIT_OPEN : EXIT_SHUT - result);
    }
    int pidfd = pidfd_open(pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    if (pidfd >= 0 && poll(&ended, 1, ATTEMPT_MAX_MS) == 0)
        kill(pid, SIGKILL);
    if (pidfd >= 0)
        close(pidfd);
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_CONFINED) {
        fprintf(stderr, "sandbox-doors: an attempt could not be confined\n");
        exit(EXIT_NOT_CONFINED);
    }
    return judge(status);
}

static void print_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void print_json(const struct door *door, const struct verdict *verdict)
{
    static const char *separator = "[\n";
    const struct {
        const char *name, *value;
    } members[] = {{"{\"group\":", door->group},
                   {",\"door\":", door->name},
                   {",\"verdict\":", verdict->open ? "open" : "shut"},
                   {",\"detail\":", verdict->open ? door->meaning : verdict->why}};
    fputs(separator, stdout);
    separator = ",\n";
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        fputs(members[i].name, stdout);
        print_string(members[i].value);
    }
    putchar('}');
}

int doors_run(int argc, char **argv, int (*confine_attempt)(void))
{
    bool json = false, list = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--list") == 0)
            list = true;
        else
            read_fact(argv[i]);
    }
    unsigned open = 0, all = 0;
    setvbuf(stdout, NULL, _IOLBF, 0); // children must not inherit lines
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t i = 0; i < tables[t]->count; i++, all++) {
            const struct door *door = &tables[t]->doors[i];
            if (list) {
                printf("%s\t%s\t%s\n", door->group, door->name, door->meaning);
                continue;
            }
            fflush(stdout);
            struct verdict verdict = try_door(door, confine_attempt);
            open += verdict.open;
            if (json)
                print_json(door, &verdict);
            else
                printf("%s\t%s\t%s\t%s\n", verdict.open ? "open" : "shut", door->group, door->name,
                       verdict.open ? door->meaning : verdict.why);
        }
    }
    puts(json ? "\n]" : "");
    if (!json && !list)
        printf("%u of %u doors are open\n", open, all);
    return 0;
}
