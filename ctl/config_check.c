// sandboxctl config check: everything that is wrong with a configuration at once, also what no single value shows.

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "auth/token.h"
#include "ctl/command.h"
#include "lib/cleanup.h"
#include "lib/isolation.h"
#include "lib/networks.h"
#include "lib/video_check.h"

struct check {
    const struct config *config;
    unsigned wrong, doubtful;
    bool elsewhere; // it is for another machine, perhaps
};

static void cleanup_config(struct config **config)
{
    config_free(*config);
}

static void on_wrong(void *data, const char *problem)
{
    struct check *check = data;
    check->wrong++;
    printf("wrong   %s\n", problem);
}

__attribute__((format(printf, 2, 3))) static void wrong(struct check *check, const char *format, ...)
{
    char text[CONFIG_ERROR_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    on_wrong(check, text);
}

__attribute__((format(printf, 2, 3))) static void doubt(struct check *check, const char *format, ...)
{
    va_list arguments;
    check->doubtful++;
    fputs("doubt   ", stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

static int64_t number(const struct check *check, enum config_key key)
{
    return config_number(check->config, key);
}

static void check_secret_strength(struct check *check)
{
    static const enum config_key secrets[] = {CONFIG_JWT_SECRET, CONFIG_JWT_SECRET_PREVIOUS};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        const char *text = config_text(check->config, secrets[i]);
        struct token_key key;
        if (!*text)
            continue;
        if (token_key_init(&key, text) < 0)
            wrong(check, "%s is not random enough; make one with: openssl rand -hex 32",
                  config_entry(secrets[i])->name);
        else
            token_key_finish(&key);
    }
}

static void check_times(struct check *check)
{
    if (number(check, CONFIG_JWT_ACCESS_EXPIRY) >= number(check, CONFIG_JWT_REFRESH_EXPIRY))
        wrong(check, "JWT_ACCESS_EXPIRY must be shorter than JWT_REFRESH_EXPIRY");
    if (number(check, CONFIG_JWT_ACCESS_EXPIRY) > 3600)
        doubt(check, "JWT_ACCESS_EXPIRY: an hour is long for a token that lies in browsers");
    if (number(check, CONFIG_SANDBOX_IDLE_TIMEOUT_SECS) > number(check, CONFIG_SANDBOX_SESSION_TIMEOUT_SECS))
        doubt(check, "SANDBOX_IDLE_TIMEOUT_SECS is longer than SANDBOX_SESSION_TIMEOUT_SECS and never met");
    if (number(check, CONFIG_SANDBOX_WARNING_SECS) >= number(check, CONFIG_SANDBOX_IDLE_TIMEOUT_SECS))
        doubt(check,
              "SANDBOX_WARNING_SECS: the browser warns from the start, since the idle limit is shorter");
}

static void check_sizes(struct check *check)
{
    struct sysinfo machine;
    if (number(check, CONFIG_SANDBOX_MAX_PER_USER) > number(check, CONFIG_SANDBOX_MAX_PER_NODE))
        doubt(check, "SANDBOX_MAX_PER_USER is more than SANDBOX_MAX_PER_NODE");
    if (sysinfo(&machine) < 0)
        return;
    uint64_t memory_mb = (uint64_t)machine.totalram * machine.mem_unit >> 20;
    if ((uint64_t)number(check, CONFIG_SANDBOX_MEMORY_LIMIT_MB) > memory_mb)
        doubt(check, "SANDBOX_MEMORY_LIMIT_MB is more than this machine has (%llu MiB)",
              (unsigned long long)memory_mb);
    if (number(check, CONFIG_SANDBOX_CPU_PERCENT) > 100ll * get_nprocs())
        doubt(check, "SANDBOX_CPU_PERCENT is more than this machine's %d processors", get_nprocs());
}

static bool is_loopback(const char *host)
{
    struct in6_addr address;
    struct networks loopback;
    if (strcmp(host, "localhost") == 0)
        return true;
    return network_address_parse(host, strlen(host), &address) == 0 &&
           networks_parse("127.0.0.0/8 ::1", &loopback) == 0 && networks_contain(&loopback, &address);
}

static void check_network(struct check *check)
{
    struct networks proxies = {.count = 0};
    const char *host = config_text(check->config, CONFIG_HOST);
    if (networks_parse(config_text(check->config, CONFIG_TRUSTED_PROXIES), &proxies) < 0)
        wrong(check, "TRUSTED_PROXIES must be addresses and networks like 127.0.0.1 10.0.0.0/8, separated by "
                     "spaces; bits behind a prefix must be 0");
    else if (proxies.count == 0 && is_loopback(host))
        doubt(check, "TRUSTED_PROXIES is empty: behind a proxy all users count as one source of sign-ins");
    for (size_t i = 0; i < proxies.count; i++) {
        if (proxies.items[i].prefix == 0 || proxies.items[i].prefix == 96)
            doubt(check, "TRUSTED_PROXIES holds every address: anybody may claim any");
    }
    if (!is_loopback(host))
        doubt(check,
              "HOST=%s: passwords travel in clear text unless a proxy with TLS is the only one that "
              "reaches it",
              host);
    if (number(check, CONFIG_METRICS_PORT) == number(check, CONFIG_PORT))
        wrong(check, "METRICS_PORT and PORT are the same");
}

static void check_words(struct check *check)
{
    const char *node = config_text(check->config, CONFIG_NODE_ID);
    if (node[strspn(node, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")])
        wrong(check, "NODE_ID may hold letters, digits and . _ - only");
    if (config_switch(check->config, CONFIG_FILE_ENCRYPTION_ENABLED))
        wrong(check, "FILE_ENCRYPTION_ENABLED=true: encryption of home directories is not built yet");
    const char *words = config_text(check->config, CONFIG_SANDBOX_LAYERS_REQUIRED);
    while (*words) {
        size_t length = strcspn(words, ",");
        bool known = length == 3 && memcmp(words, "all", 3) == 0;
        for (unsigned layer = 0; layer < LAYER_COUNT; layer++)
            known |= strlen(layer_name(layer)) == length && memcmp(layer_name(layer), words, length) == 0;
        if (!known)
            wrong(check, "SANDBOX_LAYERS_REQUIRED: there is no layer \"%.*s\"",
                  (int)(length > 64 ? 64 : length), words);
        words += length + (words[length] == ',');
    }
}

static void check_templates(struct check *check)
{
    struct config_error error;
    if (config_check_templates(check->config, &error) < 0)
        wrong(check, "%s", error.text);
}

static void check_places(struct check *check)
{
    static const enum config_key directories[] = {CONFIG_WEB_ROOT, CONFIG_FILE_STORAGE_PATH,
                                                  CONFIG_PROGRAM_DIR};
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        const char *path = config_text(check->config, directories[i]);
        struct stat status;
        if (*path && (stat(path, &status) < 0 || !S_ISDIR(status.st_mode)))
            wrong(check, "%s: %.256s is no directory", config_entry(directories[i])->name, path);
    }
}

static void check_video(struct check *check)
{
    struct config_error error;
    char directory[PATH_MAX];
    if (!check->elsewhere && context_programs(check->config, directory, sizeof(directory)) == 0 &&
        video_check(directory, check->config, &error) == -EINVAL)
        wrong(check, "%s", error.text);
}

int config_check(struct context *context)
{
    static void (*const checks[])(struct check *) = {check_secret_strength, check_times, check_sizes,
                                                     check_network,         check_words, check_templates,
                                                     check_places,          check_video};
    const char *given = context->options.operand;
    const char *path = given ? given : context->config_path;
    CLEANUP(cleanup_config) struct config *config = config_new();
    struct check check = {.config = config, .elsewhere = given != NULL};
    struct config_error error;
    if (!config)
        return complain_store(context, -ENOMEM);
    if (path)
        config_check_file(config, path, false, on_wrong, &check);
    if (context->secrets_path)
        config_check_file(config, context->secrets_path, true, on_wrong, &check);
    // A file that is named is meant by itself.
    if (!given && config_read_environment(config, &error) < 0)
        on_wrong(&check, error.text);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        checks[i](&check);
    if (check.wrong == 0)
        printf("ok      %s%s\n", path ? path : "the environment", check.doubtful ? ", with doubts" : "");
    return check.wrong ? STATUS_FAILED : STATUS_OK;
}
