#include "supervisor/plan.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "supervisor/message.h"

#define ADMIN_MARKER "admin-was-made"

// create-user's exit status when the name is taken.
enum { STATUS_USER_EXISTS = 3 };

// Keys that the supervisor answers itself where the operator doesn't.
static const struct {
    enum config_key key;
    const char *below; // of the state directory or, when it starts with '@', of the programs' directory
} standard_paths[] = {
    {CONFIG_SANDBOXD_SOCKET, "run/sandboxd/sandboxd.sock"},
    {CONFIG_FILE_STORAGE_PATH, "homes"},
    {CONFIG_RECORDINGS_DIR, "recordings"},
    {CONFIG_PROGRAM_DIR, "@bin"},
    {CONFIG_WEB_ROOT, "@share/sandbox-server/web"},
};

static int add_standard_paths(struct program *program, const struct settings *settings)
{
    int result = 0;

    for (size_t i = 0; i < sizeof(standard_paths) / sizeof(standard_paths[0]) && result == 0; i++) {
        const char *below = standard_paths[i].below;
        bool of_programs = below[0] == '@';
        if (config_text(settings->config, standard_paths[i].key)[0] != '\0')
            continue;
        result = program_add_environment(program, "%s=%s/%s", config_entry(standard_paths[i].key)->name,
                                         of_programs ? settings->program_dir : settings->state_dir,
                                         of_programs ? below + 1 : below);
    }
    return result;
}

// Of the template quiet-room: TEMPLATE_QUIET_ROOM.
static int add_templates(struct program *program, const struct config *config)
{
    int result = 0;

    for (unsigned i = 0; i < config_template_count(config) && result == 0; i++) {
        char name[TEMPLATE_NAME_MAX + 1] = "";
        const char *line = config_template_line(config, i), *small = config_template_name(config, i);
        for (size_t j = 0; small[j] && j < TEMPLATE_NAME_MAX; j++)
            name[j] = small[j] == '-' ? '_' : (char)toupper((unsigned char)small[j]);
        if (line)
            result = program_add_environment(program, "TEMPLATE_%s=%s", name, line);
    }
    return result;
}

static int add_given_keys(struct program *program, const struct settings *settings)
{
    int result = 0;

    for (int key = 0; key < CONFIG_KEY_COUNT && result == 0; key++) {
        const struct config_entry *entry = config_entry(key);
        if (entry->secret || key == CONFIG_SANDBOXD_CLIENT_UID)
            continue;
        // A connection string may hold a password: only the programs that use the database see it.
        if (key == CONFIG_DATABASE_URL && program->identity.uid != settings->identities.server.uid)
            continue;
        if (entry->type == CONFIG_NUMBER)
            result = program_add_environment(program, "%s=%" PRId64, entry->name,
                                             config_number(settings->config, key));
        else if (entry->type == CONFIG_SWITCH)
            result = program_add_environment(program, "%s=%s", entry->name,
                                             config_switch(settings->config, key) ? "true" : "false");
        else if (config_text(settings->config, key)[0] != '\0')
            result =
                program_add_environment(program, "%s=%s", entry->name, config_text(settings->config, key));
    }
    return result == 0 ? add_templates(program, settings->config) : result;
}

static int add_computed_keys(struct program *program, const struct plan *plan)
{
    const struct settings *settings = plan->settings;
    int result = 0;

    if (settings->embedded_database && program->identity.uid == settings->identities.server.uid)
        result = program_add_environment(
            program, "DATABASE_URL=postgresql:///" DATABASE_NAME "?host=%s/run/postgres&user=" DATABASE_NAME,
            settings->state_dir);
    if (result == 0 && plan->cgroup && config_text(settings->config, CONFIG_SANDBOX_CGROUP_PATH)[0] == '\0')
        result = program_add_environment(program, "SANDBOX_CGROUP_PATH=%s", plan->cgroup->name);
    return result;
}

// Every program of ours gets the whole configuration by environment, files and defaults resolved once, but no
// secret.
static int add_environment(struct program *program, const struct plan *plan)
{
    static const char *const inherited[] = {"TZ", "LANG", "TERM", "ASAN_OPTIONS", "UBSAN_OPTIONS"};
    int result = program_add_environment(program, "PATH=/usr/local/bin:/usr/bin:/bin");

    for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]) && result == 0; i++) {
        const char *value = getenv(inherited[i]);
        if (value)
            result = program_add_environment(program, "%s=%s", inherited[i], value);
    }
    if (result == 0)
        result = add_given_keys(program, plan->settings);
    if (result == 0)
        result = add_standard_paths(program, plan->settings);
    return result < 0 ? result : add_computed_keys(program, plan);
}

static int init_program(struct program *program, const struct plan *plan, const char *binary)
{
    int result = program_add_argument(program, "%s/bin/%s", plan->settings->program_dir, binary);

    return result < 0 ? result : add_environment(program, plan);
}

static int plan_migrate(const struct plan *plan, struct program *program)
{
    *program = (struct program){.name = "sandboxctl migrate",
                                .kind = PROGRAM_TASK,
                                .identity = plan->settings->identities.server,
                                .stop_signal = SIGTERM,
                                .ready_seconds = 300,
                                .stop_seconds = 10};
    int result = init_program(program, plan, "sandboxctl");
    return result < 0 ? result : program_add_argument(program, "migrate");
}

static int watchdog_seconds(const struct settings *settings)
{
    return (int)config_number(settings->config, CONFIG_WATCHDOG_SECS);
}

static int plan_sandboxd(const struct plan *plan, struct program *program)
{
    const struct settings *settings = plan->settings;

    *program = (struct program){.name = "sandboxd",
                                .kind = PROGRAM_SERVICE,
                                .identity = settings->identities.sandboxd,
                                .cgroup = plan->cgroup,
                                .watchdog_seconds = watchdog_seconds(settings),
                                .stop_signal = SIGTERM,
                                .ready_seconds = 30,
                                .stop_seconds = 15};
    int64_t client = config_number(settings->config, CONFIG_SANDBOXD_CLIENT_UID);
    int result = init_program(program, plan, "sandboxd");
    if (result < 0)
        return result;
    return program_add_environment(program, "%s=%" PRId64, config_entry(CONFIG_SANDBOXD_CLIENT_UID)->name,
                                   client < 0 ? (int64_t)settings->identities.server.uid : client);
}

static int plan_server(const struct plan *plan, struct program *program)
{
    const struct settings *settings = plan->settings;
    static const enum config_key secrets[] = {CONFIG_JWT_SECRET, CONFIG_JWT_SECRET_PREVIOUS};

    *program = (struct program){.name = "sandbox-server",
                                .kind = PROGRAM_SERVICE,
                                .identity = settings->identities.server,
                                .watchdog_seconds = watchdog_seconds(settings),
                                .stop_signal = SIGTERM,
                                .ready_seconds = 30,
                                .stop_seconds = 10};
    int result = init_program(program, plan, "sandbox-server");
    if (result == 0)
        result = program_add_argument(program, "--secrets");
    if (result == 0)
        result = program_add_argument(program, "%s/secrets.env", settings->state_dir);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]) && result == 0; i++) {
        const char *secret = config_text(settings->config, secrets[i]);
        if (secret[0] != '\0')
            result = program_add_environment(program, "%s=%s", config_entry(secrets[i])->name, secret);
    }
    return result;
}

static int plan_create_admin(const struct plan *plan, struct program *program)
{
    static const char *const arguments[] = {"--username", "admin", "--password-stdin", "--role", "admin"};

    *program = (struct program){.name = "create-user",
                                .kind = PROGRAM_TASK,
                                .identity = plan->settings->identities.server,
                                .input = plan->password_line,
                                .stop_signal = SIGTERM,
                                .ready_seconds = 60,
                                .stop_seconds = 10,
                                .tolerated_status = STATUS_USER_EXISTS};
    int result = init_program(program, plan, "create-user");
    for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]) && result == 0; i++)
        result = program_add_argument(program, "%s", arguments[i]);
    return result;
}

static struct program *next_row(struct plan *plan, enum plan_step step)
{
    struct plan_row *row = &plan->rows[plan->count++];

    row->step = step;
    return &row->program;
}

static int add_database_rows(struct plan *plan, const struct database *database)
{
    int result = 0;

    if (!database->exists) {
        result = database_plan_create(plan->settings, database, next_row(plan, PLAN_RUN));
        if (result == 0)
            result = database_plan_fill(plan->settings, database, next_row(plan, PLAN_COMMIT_DATABASE));
    }
    return result < 0 ? result : database_plan_serve(plan->settings, database, next_row(plan, PLAN_RUN));
}

// The administrator comes last: whatever else fails on a first run, no password is lost that nobody has seen.
static int add_admin_row(struct plan *plan)
{
    char password[PASSWORD_LENGTH + 1];

    if (faccessat(plan->state->fd, ADMIN_MARKER, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    int result = secrets_make_password(password);
    if (result < 0)
        return result;
    snprintf(plan->password_line, sizeof(plan->password_line), "%s\n", password);
    explicit_bzero(password, sizeof(password));
    return plan_create_admin(plan, next_row(plan, PLAN_REMEMBER_ADMIN));
}

int plan_init(struct plan *plan, const struct settings *settings, const struct state_dir *state,
              const struct database *database, const struct cgroup *cgroup)
{
    *plan = (struct plan){.settings = settings, .state = state, .cgroup = cgroup};
    int result = database ? add_database_rows(plan, database) : 0;

    if (result == 0)
        result = plan_migrate(plan, next_row(plan, PLAN_RUN));
    if (result == 0)
        result = plan_sandboxd(plan, next_row(plan, PLAN_CLEAR_SANDBOXES));
    if (result == 0)
        result = plan_server(plan, next_row(plan, PLAN_RUN));
    return result < 0 ? result : add_admin_row(plan);
}

static int remember_admin(struct plan *plan, int status)
{
    AUTO_FD int fd = openat(plan->state->fd, ADMIN_MARKER, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0 || fsync(fd) < 0 || fsync(plan->state->fd) < 0)
        return -errno;
    plan->made_admin = status == 0;
    if (status == STATUS_USER_EXISTS)
        say("the user admin was there already and keeps its password: scripts/ctl user passwd sets another");
    return 0;
}

int plan_task_done(struct plan *plan, const struct plan_row *row, int status)
{
    switch (row->step) {
    case PLAN_COMMIT_DATABASE:
        return database_commit(plan->state);
    case PLAN_REMEMBER_ADMIN:
        return remember_admin(plan, status);
    case PLAN_RUN:
    case PLAN_CLEAR_SANDBOXES:
        break;
    }
    return 0;
}

void plan_finish(struct plan *plan)
{
    explicit_bzero(plan->password_line, sizeof(plan->password_line));
    for (unsigned i = 0; i < plan->count; i++)
        program_finish(&plan->rows[i].program);
    plan->count = 0;
}
