#include "sandbox/daemon/settings.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/tick.h"
#include "lib/video_check.h"

static int layer_of(const char *name, size_t length)
{
    for (int i = 0; i < LAYER_COUNT; i++) {
        if (strlen(layer_name((unsigned)i)) == length && memcmp(layer_name((unsigned)i), name, length) == 0)
            return i;
    }
    return -1;
}

int settings_parse_layers(const char *text, bool required[static LAYER_COUNT])
{
    bool found[LAYER_COUNT] = {false};
    bool all = strcmp(text, "all") == 0;
    for (const char *p = text; *p && !all;) {
        size_t length = strcspn(p, ",");
        int layer = layer_of(p, length);
        if (layer < 0)
            return -EINVAL;
        found[layer] = true;
        p += length + (p[length] == ',');
    }
    for (int i = 0; i < LAYER_COUNT; i++)
        required[i] = found[i] || all || layer_always_required((unsigned)i);
    return 0;
}

__attribute__((format(printf, 2, 3))) static int refuse(struct config_error *ret_error, const char *format,
                                                        ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

int settings_own_directory(char path[static SETTINGS_PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, SETTINGS_PATH_MAX - 1);
    if (length < 0)
        return -errno;
    path[length] = '\0';
    *strrchr(path, '/') = '\0';
    return 0;
}

static int set_directories(struct settings *settings, struct config_error *ret_error)
{
    const char *configured = config_text(settings->config, CONFIG_PROGRAM_DIR);
    if (*configured)
        snprintf(settings->program_dir, sizeof(settings->program_dir), "%s", configured);
    else if (settings_own_directory(settings->program_dir) < 0)
        return refuse(ret_error, "can't tell the own program's directory; set PROGRAM_DIR");
    char *path = settings->desktop_dir;
    int length = snprintf(path, sizeof(settings->desktop_dir), "%s/../share/sandbox-server/desktop",
                          settings->program_dir);
    if (length >= (int)sizeof(settings->desktop_dir))
        return refuse(ret_error, "PROGRAM_DIR is too long");
    if (access(path, X_OK) < 0)
        return refuse(ret_error, "%.256s: %s; install the project again", path, strerror(errno));
    char library[SETTINGS_PATH_MAX + sizeof("/sandbox-openbox.so")];
    snprintf(library, sizeof(library), "%s/sandbox-openbox.so", settings->program_dir);
    if (access(library, R_OK) < 0) // no desktop would come up
        return refuse(ret_error, "%.256s: %s; install the project again", library, strerror(errno));
    return 0;
}

static int set_storage(struct settings *settings, struct config_error *ret_error)
{
    struct stat status;
    settings->storage = config_text(settings->config, CONFIG_FILE_STORAGE_PATH);
    if (config_switch(settings->config, CONFIG_FILE_ENCRYPTION_ENABLED))
        return refuse(
            ret_error,
            "FILE_ENCRYPTION_ENABLED=true: encryption of home directories is not built yet; set it to "
            "false, or keep FILE_STORAGE_PATH on an encrypted file system");
    if (settings->storage[0] != '/')
        return refuse(ret_error, "FILE_STORAGE_PATH must be set to an absolute path");
    if (stat(settings->storage, &status) < 0)
        return refuse(ret_error, "FILE_STORAGE_PATH %.256s: %s", settings->storage, strerror(errno));
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 022))
        return refuse(ret_error,
                      "FILE_STORAGE_PATH %.256s must be a directory of uid %u that nobody else may write",
                      settings->storage, geteuid());
    return 0;
}

static int set_client(struct settings *settings, struct config_error *ret_error)
{
    struct stat status;
    if (settings->listener < 0 || settings->client_uid >= 0)
        return 0;
    if (stat(settings->socket, &status) < 0 || !S_ISSOCK(status.st_mode))
        return refuse(
            ret_error,
            "SANDBOXD_SOCKET %.256s is not the socket that was passed; make sandboxd.socket listen there",
            settings->socket);
    settings->client_uid = status.st_uid;
    return 0;
}

int settings_init(struct settings *settings, const struct config *config, int listener,
                  struct config_error *ret_error)
{
    *settings = (struct settings){
        .config = config,
        .socket = config_text(config, CONFIG_SANDBOXD_SOCKET),
        .listener = listener,
        .client_uid = config_number(config, CONFIG_SANDBOXD_CLIENT_UID),
        .uid_base = (uint32_t)config_number(config, CONFIG_SANDBOX_UID_BASE),
        .tick_us = (unsigned)config_number(config, CONFIG_SANDBOX_TICK_US),
        .start_ns = (uint64_t)config_number(config, CONFIG_SANDBOX_START_TIMEOUT_SECS) * 1000000000,
        .sandbox_maximum = (unsigned)config_number(config, CONFIG_SANDBOX_MAX_PER_NODE),
        .limits = {.memory_mb = (uint32_t)config_number(config, CONFIG_SANDBOX_MEMORY_LIMIT_MB),
                   .cpu_percent = (uint32_t)config_number(config, CONFIG_SANDBOX_CPU_PERCENT),
                   .pids = (uint32_t)config_number(config, CONFIG_SANDBOX_PID_LIMIT)},
        .width = (uint32_t)config_number(config, CONFIG_DISPLAY_WIDTH),
        .height = (uint32_t)config_number(config, CONFIG_DISPLAY_HEIGHT),
    };
    uint32_t width_max = (uint32_t)config_number(config, CONFIG_DISPLAY_MAX_WIDTH);
    uint32_t height_max = (uint32_t)config_number(config, CONFIG_DISPLAY_MAX_HEIGHT);
    settings->width_max = width_max > settings->width ? width_max : settings->width;
    settings->height_max = height_max > settings->height ? height_max : settings->height;
    if (settings->tick_us > 0 && settings->tick_us < TICK_PERIOD_MIN_US)
        return refuse(ret_error, "SANDBOX_TICK_US must be 0 or %u to %u", TICK_PERIOD_MIN_US,
                      TICK_PERIOD_MAX_US);
    if (!*settings->socket)
        return refuse(ret_error, "SANDBOXD_SOCKET is not set");
    if (settings_parse_layers(config_text(config, CONFIG_SANDBOX_LAYERS_REQUIRED), settings->required) < 0)
        return refuse(ret_error,
                      "SANDBOX_LAYERS_REQUIRED names an unknown layer; sandboxd --probe lists them");
    int error = set_client(settings, ret_error);
    if (!error)
        error = set_directories(settings, ret_error);
    if (!error)
        error = set_storage(settings, ret_error);
    return error ? error : video_check(settings->program_dir, settings->config, ret_error);
}
