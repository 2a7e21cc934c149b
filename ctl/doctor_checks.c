#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "auth/token.h"
#include "ctl/doctor.h"
#include "ctl/probe.h"
#include "ctl/system.h"
#include "lib/cleanup.h"
#include "lib/video_check.h"
#include "store/migration.h"

#define FREE_SPACE_MIN (1ull << 30) // bytes below which storage is weak

void check_pool(struct context *context, struct findings *findings)
{
    static const struct {
        const char *template_name;
        enum config_key size;
    } kept[] = {{"desktop", CONFIG_SANDBOX_POOL_DESKTOP}, {"code", CONFIG_SANDBOX_POOL_CODE}};
    unsigned long long memory =
        (unsigned long long)config_number(context->config, CONFIG_SANDBOX_POOL_MEMORY_MB);
    long long wanted = 0;
    char text[128] = "";
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        long long size = (long long)config_number(context->config, kept[i].size);
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%lld %s", i ? ", " : "", size, kept[i].template_name);
        wanted += size;
    }
    if (wanted > 0 && memory == 0)
        return found(findings, VERDICT_WEAK, "pool",
                     "%s wanted, but SANDBOX_POOL_MEMORY_MB=0 holds none: every start is a cold one", text);
    found(findings, VERDICT_OK, "pool",
          "kept ready: %s, of %llu MiB together; what is ready now: GET /health", text, memory);
}

enum verdict kernel_verdict(const char *release)
{
    unsigned major, minor;
    if (sscanf(release, "%u.%u", &major, &minor) != 2)
        return VERDICT_FAILED;
    unsigned version = major * 1000 + minor;
    if (version < 5006) // openat2(2)
        return VERDICT_FAILED;
    return version < 5013 ? VERDICT_WEAK : VERDICT_OK; // landlock(7)
}

void check_kernel(struct context *context, struct findings *findings)
{
    (void)context;
    struct utsname names;
    if (uname(&names))
        return found(findings, VERDICT_FAILED, "kernel", "uname: %s", strerror(errno));
    enum verdict verdict = kernel_verdict(names.release);
    static const char *const advice[] = {[VERDICT_OK] = "",
                                         [VERDICT_WEAK] = ": without Landlock; use 5.13 or newer",
                                         [VERDICT_FAILED] = ": too old; use 5.13 or newer"};
    found(findings, verdict, "kernel", "Linux %s%s", names.release, advice[verdict]);
}

void check_configuration(struct context *context, struct findings *findings)
{
    // config_load judges values, file modes and unknown keys alike.
    if (context->config_problem)
        found(findings, VERDICT_FAILED, "configuration", "%s", context->config_problem);
    else
        found(findings, VERDICT_OK, "configuration", "%s",
              context->config_path ? context->config_path : "from the environment alone");
}

void check_secret(struct context *context, struct findings *findings)
{
    const char *text = config_text(context->config, CONFIG_JWT_SECRET);
    struct token_key key;
    if (!*text)
        return found(findings, VERDICT_WEAK, "secrets",
                     "not checked: give --secrets FILE (STATE_DIR/secrets.env)");
    if (token_key_init(&key, text))
        return found(findings, VERDICT_FAILED, "secrets",
                     "JWT_SECRET is not random enough; make one with: openssl rand -hex 32");
    token_key_finish(&key);
    found(findings, VERDICT_OK, "secrets", "JWT_SECRET is set");
}

static void cleanup_store(struct store **store)
{
    store_free(*store);
}

void check_database(struct context *context, struct findings *findings)
{
    const char *url = config_text(context->config, CONFIG_DATABASE_URL);
    char directory[PATH_MAX];
    struct store_migrations migrations;
    if (!*url)
        return found(findings, VERDICT_FAILED, "database",
                     "DATABASE_URL is not set: give --config FILE with it");
    int error = context_migrations(context, directory, sizeof(directory));
    if (error)
        return found(findings, VERDICT_FAILED, "database", "%s", strerror(-error));
    error = system_become_service(context);
    if (error)
        return found(findings, VERDICT_FAILED, "database", "can't become the user sandbox-server: %s",
                     strerror(-error));
    CLEANUP(cleanup_store) struct store *store = store_new(url);
    if (!store)
        return found(findings, VERDICT_FAILED, "database", "%s", strerror(ENOMEM));
    error = store_migrations_check(store, directory, &migrations);
    if (error == -ENOTCONN)
        return found(findings, VERDICT_FAILED, "database",
                     "can't be reached: %s; check DATABASE_URL and that PostgreSQL runs", store_error(store));
    if (error)
        return found(findings, VERDICT_FAILED, "database", "%s",
                     *store_error(store) ? store_error(store) : strerror(-error));
    if (migrations.pending)
        return found(findings, VERDICT_FAILED, "database",
                     "%u migrations are not applied; run: sandboxctl migrate", migrations.pending);
    found(findings, VERDICT_OK, "database", "reachable, %u migrations applied", migrations.applied);
}

static int open_directory(const char *path, int *ret_fd)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

void check_web_root(struct context *context, struct findings *findings)
{
    const char *path = config_text(context->config, CONFIG_WEB_ROOT);
    AUTO_FD int fd = -1;
    if (!*path)
        return found(findings, VERDICT_WEAK, "web client",
                     "WEB_ROOT is not set: the server has no pages to serve");
    int error = open_directory(path, &fd);
    if (error)
        return found(findings, VERDICT_FAILED, "web client", "WEB_ROOT %s: %s", path, strerror(-error));
    if (faccessat(fd, "index.html", R_OK, 0))
        return found(findings, VERDICT_FAILED, "web client",
                     "WEB_ROOT %s: index.html: %s; build the web client", path, strerror(errno));
    found(findings, VERDICT_OK, "web client", "%s", path);
}

void check_storage(struct context *context, struct findings *findings)
{
    const char *path = config_text(context->config, CONFIG_FILE_STORAGE_PATH);
    AUTO_FD int fd = -1;
    struct stat status;
    struct statvfs space;
    if (!*path)
        return found(findings, VERDICT_WEAK, "storage", "FILE_STORAGE_PATH is not set: not checked");
    int error = open_directory(path, &fd);
    if (!error && (fstat(fd, &status) || fstatvfs(fd, &space)))
        error = -errno;
    if (error)
        return found(findings, VERDICT_FAILED, "storage", "FILE_STORAGE_PATH %s: %s", path, strerror(-error));
    if (status.st_mode & 022)
        return found(findings, VERDICT_FAILED, "storage", "others may write %s; run: chmod 711 %s", path,
                     path);
    unsigned long long left = (unsigned long long)space.f_bavail * space.f_frsize;
    found(findings, left < FREE_SPACE_MIN ? VERDICT_WEAK : VERDICT_OK, "storage", "%s, %llu MiB free", path,
          left >> 20);
}

enum verdict layer_verdict(const char *required, enum layer layer, enum layer_state state)
{
    if (state == LAYER_ON)
        return VERDICT_OK;
    if (layer_always_required(layer) || strcmp(required, "all") == 0)
        return VERDICT_FAILED;
    const char *name = layer_name(layer);
    for (const char *word = required; *word;) {
        size_t length = strcspn(word, ", ");
        if (length == strlen(name) && memcmp(word, name, length) == 0)
            return VERDICT_FAILED;
        word += length;
        word += *word != '\0';
    }
    return VERDICT_WEAK;
}

static int find_sandboxd(const struct context *context, char path[static PATH_MAX])
{
    char directory[PATH_MAX];
    int error = context_programs(context->config, directory, sizeof(directory));
    if (error)
        return error;
    int length = snprintf(path, PATH_MAX, "%s/sandboxd", directory);
    return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void check_foundation(const struct layer_report *foundation, struct findings *findings)
{
    if (foundation->state == LAYER_ON)
        return found(findings, VERDICT_OK, ISOLATION_FOUNDATION, "sandboxes for commands are copies of one");
    found(findings, VERDICT_WEAK, ISOLATION_FOUNDATION,
          "sandboxes for commands are built one by one, which takes twice as long: %s (SystemCallFilter= of "
          "the "
          "unit, a container's seccomp profile); setns, unshare, clone3 and the calls for mounts are needed",
          foundation->detail);
}

void check_isolation(struct context *context, struct findings *findings)
{
    char program[PATH_MAX] = "";
    struct probe_rows rows;
    int error = find_sandboxd(context, program);
    if (geteuid() == 0 && !getpwnam(PROBE_USER))
        return found(findings, VERDICT_FAILED, "isolation",
                     "not checked: there is no system user " PROBE_USER "; run scripts/setup");
    if (!error)
        error = probe_run(program, context->config_path, context->packaged ? PROBE_AS_UNIT : PROBE_AS_USER,
                          &rows);
    if (error == -EPROTO)
        return found(findings, VERDICT_FAILED, "isolation",
                     "%s --probe does not say what this version expects: "
                     "install all programs of one version",
                     program);
    if (error)
        return found(findings, VERDICT_FAILED, "isolation", "%s --probe: %s", program, strerror(-error));
    const char *required = config_text(context->config, CONFIG_SANDBOX_LAYERS_REQUIRED);
    for (unsigned i = 0; i < LAYER_COUNT; i++) {
        const struct layer_report *layer = &rows.layers[i];
        found(findings, layer_verdict(required, i, layer->state), layer_name(i), "%s%s%s",
              layer_state_name(layer->state), layer->detail[0] ? ": " : "", layer->detail);
    }
    check_foundation(&rows.foundation, findings);
}

void check_video(struct context *context, struct findings *findings)
{
    char directory[PATH_MAX];
    struct config_error problem;
    int error = context_programs(context->config, directory, sizeof(directory));
    if (!error)
        error = video_check(directory, context->config, &problem);
    if (error == -EINVAL)
        found(findings, VERDICT_FAILED, "video encoder", "%s", problem.text);
    else if (error)
        found(findings, VERDICT_FAILED, "video encoder", "not checked: %s", strerror(-error));
    else
        found(findings, VERDICT_OK, "video encoder", "%s", config_text(context->config, CONFIG_VIDEO_CODEC));
}
