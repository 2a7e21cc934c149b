#include "sandbox/run/options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "sandbox/daemon/settings.h"
#include "sandbox/run/number.h"
#include "sandbox/run/paths.h"

#define MEMORY_MIN_MB 8 // under it not even a shell starts
#define NET_RULE_MAX 512

enum option_number {
    OPTION_PROFILE = 256,
    OPTION_MEMORY,
    OPTION_CPU,
    OPTION_PIDS,
    OPTION_TIME,
    OPTION_OUTPUT,
    OPTION_RO,
    OPTION_RW,
    OPTION_AT,
    OPTION_CHDIR,
    OPTION_ENV,
    OPTION_NET,
    OPTION_JSON,
    OPTION_PLAN,
    OPTION_REQUIRE,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option_text {
    struct option option;
    const char *value, *text;
} table[] = {
    {{"profile", required_argument, NULL, OPTION_PROFILE},
     "code|desktop|browser",
     "what the command is (code)"},
    {{"memory", required_argument, NULL, OPTION_MEMORY}, "SIZE", "memory of all its processes, such as 256M"},
    {{"cpu", required_argument, NULL, OPTION_CPU}, "PERCENT", "of one core; 200 is two cores"},
    {{"pids", required_argument, NULL, OPTION_PIDS}, "COUNT", "processes and threads at one time"},
    {{"time", required_argument, NULL, OPTION_TIME}, "SECONDS", "then everything is killed; also 2m, 1h"},
    {{"output", required_argument, NULL, OPTION_OUTPUT},
     "SIZE",
     "most bytes on standard output and error together"},
    {{"ro", required_argument, NULL, OPTION_RO}, "PATH", "is there to read and execute; may be repeated"},
    {{"rw", required_argument, NULL, OPTION_RW}, "PATH", "is there to change; may be repeated"},
    {{"at", required_argument, NULL, OPTION_AT}, "PLACE", "where the path named before it is found inside"},
    {{"chdir", required_argument, NULL, OPTION_CHDIR}, "DIRECTORY", "where the command starts"},
    {{"env", required_argument, NULL, OPTION_ENV},
     "NAME[=VALUE]",
     "for the command, besides the fixed few; may be repeated"},
    {{"net", required_argument, NULL, OPTION_NET},
     "none|HOST[:PORTS],...",
     "what it may reach by its proxy (none); may be repeated"},
    {{"json", optional_argument, NULL, OPTION_JSON},
     "[=FD]",
     "at the end, a report as JSON to that descriptor (2)"},
    {{"plan", no_argument, NULL, OPTION_PLAN}, "", "print what would be done, and do nothing"},
    {{"require", required_argument, NULL, OPTION_REQUIRE},
     "all|LAYER,...",
     "refuse to start unless these layers are complete"},
    {{"help", no_argument, NULL, OPTION_HELP}, "", "print this"},
    {{"version", no_argument, NULL, OPTION_VERSION}, "", "print the version"},
};
#define OPTION_COUNT (sizeof(table) / sizeof(table[0]))

static const struct sandbox_limits defaults[PROFILE_COUNT] = {
    [PROFILE_DESKTOP] = {.memory_mb = 2048, .cpu_percent = 200, .pids = 1024},
    [PROFILE_BROWSER] = {.memory_mb = 2048, .cpu_percent = 200, .pids = 1024},
    [PROFILE_CODE] = {.memory_mb = 512, .cpu_percent = 100, .pids = 128},
};

void options_print_help(void)
{
    printf(
        "usage: sandbox-run [OPTION]... -- COMMAND [ARGUMENT]...\n\n"
        "Runs COMMAND in a sandbox of its own. Its exit status is COMMAND's, 128+N when signal N ended it,\n"
        "127 when it is not found, 126 when it can't be executed, 125 when the sandbox can't be made.\n\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char head[64];
        bool apart = table[i].option.has_arg == required_argument;
        snprintf(head, sizeof(head), "--%s%s%s", table[i].option.name, apart ? " " : "", table[i].value);
        printf("  %-32s %s\n", head, table[i].text);
    }
}

int options_refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("sandbox-run: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return -EINVAL;
}

static int set_memory(struct options *options, const char *text)
{
    uint64_t bytes;
    if (number_parse_size(text, &bytes) < 0 || bytes < (uint64_t)MEMORY_MIN_MB << 20 ||
        bytes > (uint64_t)MEMORY_LIMIT_MAX_MB << 20)
        return options_refuse("--memory %s: not a size from %uM to %uG, such as 256M", text, MEMORY_MIN_MB,
                              MEMORY_LIMIT_MAX_MB / 1024);
    options->command.limits.memory_mb = (uint32_t)(bytes >> 20);
    return 0;
}

// NAME alone takes the caller's value, if there is one.
static int add_variable(struct options *options, const char *text)
{
    size_t count = 0;
    while (options->environment[count])
        count++;
    size_t name = strcspn(text, "=");
    if (name == 0)
        return options_refuse("--env %s: not NAME=VALUE, nor the NAME of a variable of the caller", text);
    const char *const *own = (const char *const *)environ;
    while (!text[name] && *own && (strncmp(*own, text, name) != 0 || (*own)[name] != '='))
        own++;
    if (!text[name] && !*own)
        return 0;
    if (count == PLAN_BINDS_MAX)
        return options_refuse("--env %s: more than %d variables", text, PLAN_BINDS_MAX);
    options->environment[count] = text[name] ? text : *own;
    return 0;
}

static int set_profile(struct options *options, const char *name)
{
    int profile = profile_of(name);
    if (profile < 0)
        return options_refuse("--profile %s: unknown; there are code, desktop and browser", name);
    options->command.profile = (enum profile)profile;
    return 0;
}

static int set_directory(struct options *options, const char *path)
{
    if (*path != '/')
        return options_refuse("--chdir %s: not an absolute path", path);
    options->command.directory = path;
    options->command.directory_only = true;
    return 0;
}

static int set_json(struct options *options, const char *text)
{
    uint32_t fd = STDERR_FILENO;
    if (text && number_parse(text, 1, 65535, &fd) < 0)
        return options_refuse("--json=%s: not a number of a descriptor", text);
    int flags = fcntl((int)fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
        return options_refuse("--json=%s: that descriptor is not open for writing", text ? text : "2");
    options->json_fd = (int)fd;
    return 0;
}

static int add_rule(struct options *options, const char *text)
{
    if (strcmp(text, "none") == 0)
        return options_refuse("--net: none and hosts, not both");
    if (options->rule_count == EGRESS_RULES_MAX)
        return options_refuse("--net %s: more than %u rules", text, EGRESS_RULES_MAX);
    if (egress_rule_parse(text, &options->rules[options->rule_count]) < 0)
        return options_refuse(
            "--net %s: not none and not HOST[:PORTS], such as example.org, *.example.org:443 or "
            "10.0.0.0/8:5432",
            text);
    options->rule_count++;
    return 0;
}

static bool is_port(const char *text)
{
    size_t length = strspn(text, "0123456789-");
    return length > 0 && (text[length] == ',' || text[length] == '\0');
}

// Commas stand between rules and between the ports of one: what can only be a port goes on with the rule before it.
static int set_network(struct options *options, const char *value)
{
    bool none = strcmp(value, "none") == 0;
    if (none ? options->rule_count > 0 : options->no_network)
        return options_refuse("--net: none and hosts, not both");
    options->no_network = none;
    if (none)
        return 0;
    for (const char *p = value;;) {
        char text[NET_RULE_MAX];
        size_t length = strcspn(p, ",");
        while (p[length] == ',' && is_port(p + length + 1) && memchr(p, ':', length))
            length += 1 + strcspn(p + length + 1, ",");
        if (length >= sizeof(text))
            return options_refuse("--net: a rule of %zu characters is too long", length);
        snprintf(text, sizeof(text), "%.*s", (int)length, p);
        int error = add_rule(options, text);
        if (error || !p[length])
            return error;
        p += length + 1;
    }
}

static int set_required(struct options *options, const char *value)
{
    if (*value && settings_parse_layers(value, options->required) == 0)
        return 0;
    char names[512] = "all";
    for (unsigned i = 0; i < LAYER_COUNT; i++) {
        size_t length = strlen(names);
        snprintf(names + length, sizeof(names) - length, ", %s", layer_name(i));
    }
    return options_refuse("--require %s: an unknown layer; there are %s", value, names);
}

static int take_option(struct options *options, int option, const char *value)
{
    struct sandbox_limits *limits = &options->command.limits;
    switch (option) {
    case OPTION_PROFILE:
        return set_profile(options, value);
    case OPTION_MEMORY:
        return set_memory(options, value);
    case OPTION_CPU:
        return number_parse(value, 1, CPU_PERCENT_MAX, &limits->cpu_percent) < 0
                   ? options_refuse("--cpu %s: not a number from 1 to %d (percent of one core)", value,
                                    CPU_PERCENT_MAX)
                   : 0;
    case OPTION_PIDS:
        return number_parse(value, 1, PID_LIMIT_MAX, &limits->pids) < 0
                   ? options_refuse("--pids %s: not a number from 1 to %d", value, PID_LIMIT_MAX)
                   : 0;
    case OPTION_TIME:
        return number_parse_duration(value, &options->time_ns) < 0
                   ? options_refuse("--time %s: not a time from 0.001 s to 366 days, such as 30, 0.5 or 2m",
                                    value)
                   : 0;
    case OPTION_OUTPUT:
        return number_parse_size(value, &options->output_bytes) < 0
                   ? options_refuse("--output %s: not a size, such as 64K or 1M", value)
                   : 0;
    case OPTION_RO:
        return paths_add(options, value, false);
    case OPTION_RW:
        return paths_add(options, value, true);
    case OPTION_AT:
        return paths_place(options, value);
    case OPTION_CHDIR:
        return set_directory(options, value);
    case OPTION_ENV:
        return add_variable(options, value);
    case OPTION_NET:
        return set_network(options, value);
    case OPTION_JSON:
        return set_json(options, value);
    case OPTION_REQUIRE:
        return set_required(options, value);
    case OPTION_PLAN:
        options->plan_only = true;
        return 0;
    case OPTION_HELP:
        options->help = true;
        return 0;
    case OPTION_VERSION:
        options->version = true;
        return 0;
    default:
        return -EINVAL;
    }
}

static void take_defaults(struct options *options)
{
    struct sandbox_limits *limits = &options->command.limits;
    const struct sandbox_limits *otherwise = &defaults[options->command.profile];
    options->asked_memory = limits->memory_mb != 0;
    options->asked_cpu = limits->cpu_percent != 0;
    options->asked_pids = limits->pids != 0;
    limits->memory_mb = limits->memory_mb ? limits->memory_mb : otherwise->memory_mb;
    limits->cpu_percent = limits->cpu_percent ? limits->cpu_percent : otherwise->cpu_percent;
    limits->pids = limits->pids ? limits->pids : otherwise->pids;
}

int options_parse(int argc, char **argv, struct options *options)
{
    struct option list[OPTION_COUNT + 1] = {0};
    for (size_t i = 0; i < OPTION_COUNT; i++)
        list[i] = table[i].option;
    *options =
        (struct options){.command = {.profile = PROFILE_CODE}, .output_bytes = UINT64_MAX, .json_fd = -1};
    opterr = 0;
    const char *word = argv[optind];
    for (int option; (option = getopt_long(argc, argv, "+:", list, NULL)) != -1; word = argv[optind]) {
        if (option == ':')
            return options_refuse("%s needs a value; see --help", word);
        if (option == '?' && optopt >= OPTION_PROFILE)
            return options_refuse("%s: this option takes no value; see --help", word);
        if (option == '?')
            return options_refuse("unknown option %s; see --help", word);
        int error = take_option(options, option, optarg);
        if (error)
            return error;
    }
    if (options->help || options->version)
        return 0;
    if (!argv[optind] || !*argv[optind])
        return options_refuse("no command given; see --help");
    take_defaults(options);
    options->command.binds = options->binds;
    options->command.environment = options->environment;
    options->command.words = (const char *const *)argv + optind;
    options->command.network = options->rule_count > 0;
    if (!options->command.directory)
        options->command.directory = getcwd(options->directory, sizeof(options->directory));
    return paths_settle(options);
}

void options_finish(struct options *options)
{
    paths_finish(options);
}
