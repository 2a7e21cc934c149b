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

#define MEMORY_MIN_MB 8 // under it not even a shell starts
#define NET_RULE_MAX 512
#define TIME_MAX_S (366u * 24 * 3600)

enum option_number {
    OPTION_PROFILE = 256,
    OPTION_MEMORY,
    OPTION_CPU,
    OPTION_PIDS,
    OPTION_TIME,
    OPTION_OUTPUT,
    OPTION_RO,
    OPTION_RW,
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
    {{"env", required_argument, NULL, OPTION_ENV},
     "NAME=VALUE",
     "for the command, besides the fixed few; may be repeated"},
    {{"net", required_argument, NULL, OPTION_NET},
     "none|HOST[:PORTS],...",
     "what it may reach by its proxy (none); may be repeated"},
    {{"json", optional_argument, NULL, OPTION_JSON},
     "[FD]",
     "at the end, a report as JSON to that descriptor (2)"},
    {{"plan", no_argument, NULL, OPTION_PLAN}, "", "print what would be done, and do nothing"},
    {{"require", required_argument, NULL, OPTION_REQUIRE},
     "all|LAYER,...",
     "refuse to start unless these layers are complete"},
    {{"help", no_argument, NULL, OPTION_HELP}, "", ""},
    {{"version", no_argument, NULL, OPTION_VERSION}, "", ""},
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
        snprintf(head, sizeof(head), "--%s%s%s", table[i].option.name, *table[i].value ? " " : "",
                 table[i].value);
        printf("  %-32s %s\n", head, table[i].text);
    }
}

__attribute__((format(printf, 1, 2))) static int refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("sandbox-run: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return -EINVAL;
}

static int parse_decimal(const char *text, uint64_t *ret_number, const char **ret_end)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || errno)
        return -EINVAL;
    *ret_number = number;
    *ret_end = end;
    return 0;
}

int options_parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *ret_number)
{
    uint64_t number;
    const char *end;
    if (parse_decimal(text, &number, &end) < 0 || *end || number < least || number > most)
        return -EINVAL;
    *ret_number = (uint32_t)number;
    return 0;
}

int options_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "KMGT";
    uint64_t number;
    const char *end;
    if (parse_decimal(text, &number, &end) < 0)
        return -EINVAL;
    unsigned shift = 0;
    if (*end) {
        const char *unit = strchr(units, toupper((unsigned char)*end));
        if (!unit || end[1])
            return -EINVAL;
        shift = 10 * (unsigned)(unit - units + 1);
    }
    if (number > (UINT64_MAX >> 1) >> shift)
        return -EINVAL;
    *ret_bytes = number << shift;
    return 0;
}

int options_parse_duration(const char *text, uint64_t *ret_ns)
{
    static const struct {
        const char *name;
        unsigned seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
    char *end;
    double number = strtod(text, &end);
    if (!isdigit((unsigned char)*text) || end != text + strspn(text, "0123456789."))
        return -EINVAL; // 0x10, 1e3
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        double seconds = number * units[i].seconds;
        if (strcmp(end, units[i].name) != 0)
            continue;
        if (seconds < 0.001 || seconds > TIME_MAX_S)
            return -EINVAL;
        *ret_ns = (uint64_t)(seconds * 1e9);
        return 0;
    }
    return -EINVAL;
}

static int set_memory(struct options *options, const char *text)
{
    uint64_t bytes;
    if (options_parse_size(text, &bytes) < 0 || bytes < (uint64_t)MEMORY_MIN_MB << 20 ||
        bytes > (uint64_t)MEMORY_LIMIT_MAX_MB << 20)
        return refuse("--memory %s: not a size from %uM to %uG, such as 256M", text, MEMORY_MIN_MB,
                      MEMORY_LIMIT_MAX_MB / 1024);
    options->command.limits.memory_mb = (uint32_t)(bytes >> 20);
    return 0;
}

// These would show the host, or take the place of what the sandbox brings itself.
static bool forbidden(const char *path)
{
    static const char *const trees[] = {"/proc", "/sys", "/dev"};
    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
        size_t length = strlen(trees[i]);
        if (strncmp(path, trees[i], length) == 0 && (path[length] == '/' || path[length] == '\0'))
            return true;
    }
    static const char *const roots[] = {"/", "/usr", "/etc", "/tmp", "/run", "/home", "/home/user", "/var"};
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        if (strcmp(path, roots[i]) == 0)
            return true;
    }
    return false;
}

static int add_bind(struct options *options, const char *given, bool writable)
{
    const char *option = writable ? "--rw" : "--ro";
    if (options->command.bind_count == PLAN_BINDS_MAX)
        return refuse("%s %s: more than %d paths", option, given, PLAN_BINDS_MAX);
    AUTO_FREE char *path = realpath(given, NULL);
    if (!path)
        return refuse("%s %s: %s", option, given, strerror(errno));
    if (faccessat(AT_FDCWD, path, writable ? W_OK : R_OK, AT_EACCESS) < 0)
        return refuse("%s %s: %s", option, given, strerror(errno));
    if (forbidden(path))
        return refuse("%s %s: a sandbox has its own %s; name a path below it", option, given, path);
    options->binds[options->command.bind_count++] = (struct plan_bind){steal_pointer(&path), writable};
    return 0;
}

static int add_variable(struct options *options, const char *text)
{
    size_t count = 0;
    while (options->environment[count])
        count++;
    if (!strchr(text, '=') || *text == '=')
        return refuse("--env %s: not NAME=VALUE", text);
    if (count == PLAN_BINDS_MAX)
        return refuse("--env %s: more than %d variables", text, PLAN_BINDS_MAX);
    options->environment[count] = text;
    return 0;
}

static int set_profile(struct options *options, const char *name)
{
    int profile = profile_of(name);
    if (profile < 0)
        return refuse("--profile %s: unknown; there are code, desktop and browser", name);
    options->command.profile = (enum profile)profile;
    return 0;
}

static int set_json(struct options *options, const char *text)
{
    uint32_t fd = STDERR_FILENO;
    if (text && options_parse_number(text, 1, 65535, &fd) < 0)
        return refuse("--json=%s: not a number of a descriptor", text);
    if (fcntl((int)fd, F_GETFD) < 0)
        return refuse("--json=%s: that descriptor is not open", text ? text : "2");
    options->json_fd = (int)fd;
    return 0;
}

static int add_rule(struct options *options, const char *text)
{
    if (strcmp(text, "none") == 0)
        return refuse("--net: none and hosts, not both");
    if (options->rule_count == EGRESS_RULES_MAX)
        return refuse("--net %s: more than %u rules", text, EGRESS_RULES_MAX);
    if (egress_rule_parse(text, &options->rules[options->rule_count]) < 0)
        return refuse("--net %s: not none and not HOST[:PORTS], such as example.org, *.example.org:443 or "
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
    if (strcmp(value, "none") == 0) {
        options->rule_count = 0;
        return 0;
    }
    for (const char *p = value;;) {
        char text[NET_RULE_MAX];
        size_t length = strcspn(p, ",");
        while (p[length] == ',' && is_port(p + length + 1) && memchr(p, ':', length))
            length += 1 + strcspn(p + length + 1, ",");
        if (length >= sizeof(text))
            return refuse("--net: a rule of %zu characters is too long", length);
        snprintf(text, sizeof(text), "%.*s", (int)length, p);
        int error = add_rule(options, text);
        if (error || !p[length])
            return error;
        p += length + 1;
    }
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
        return options_parse_number(value, 1, CPU_PERCENT_MAX, &limits->cpu_percent) < 0
                   ? refuse("--cpu %s: not a number from 1 to %d (percent of one core)", value,
                            CPU_PERCENT_MAX)
                   : 0;
    case OPTION_PIDS:
        return options_parse_number(value, 1, PID_LIMIT_MAX, &limits->pids) < 0
                   ? refuse("--pids %s: not a number from 1 to %d", value, PID_LIMIT_MAX)
                   : 0;
    case OPTION_TIME:
        return options_parse_duration(value, &options->time_ns) < 0
                   ? refuse("--time %s: not a time from 0.001 s to 366 days, such as 30, 0.5 or 2m", value)
                   : 0;
    case OPTION_OUTPUT:
        return options_parse_size(value, &options->output_bytes) < 0
                   ? refuse("--output %s: not a size, such as 64K or 1M", value)
                   : 0;
    case OPTION_RO:
        return add_bind(options, value, false);
    case OPTION_RW:
        return add_bind(options, value, true);
    case OPTION_ENV:
        return add_variable(options, value);
    case OPTION_NET:
        return set_network(options, value);
    case OPTION_JSON:
        return set_json(options, value);
    case OPTION_REQUIRE:
        return !*value || settings_parse_layers(value, options->required) < 0
                   ? refuse("--require %s: names an unknown layer; sandboxd --probe lists them", value)
                   : 0;
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
            return refuse("%s needs a value; see --help", word);
        if (option == '?' && optopt >= OPTION_PROFILE)
            return refuse("%s: this option takes no value; see --help", word);
        if (option == '?')
            return refuse("unknown option %s; see --help", word);
        int error = take_option(options, option, optarg);
        if (error)
            return error;
    }
    if (options->help || options->version)
        return 0;
    if (!argv[optind] || !*argv[optind])
        return refuse("no command given; see --help");
    take_defaults(options);
    options->command.binds = options->binds;
    options->command.environment = options->environment;
    options->command.words = (const char *const *)argv + optind;
    options->command.network = options->rule_count > 0;
    options->command.directory = getcwd(options->directory, sizeof(options->directory));
    return 0;
}

void options_finish(struct options *options)
{
    for (size_t i = 0; i < options->command.bind_count; i++)
        free((char *)options->binds[i].path);
    options->command.bind_count = 0;
}
