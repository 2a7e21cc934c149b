#pragma once
// Configuration: one table (config_table.c) makes the parser, --help and the documentation. Values come,
// later over earlier, from the table's defaults, from files of KEY=VALUE lines, and from the environment.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_key {
    CONFIG_DATABASE_URL,
    CONFIG_HOST,
    CONFIG_PORT,
    CONFIG_METRICS_PORT,
    CONFIG_ALLOWED_ORIGINS,
    CONFIG_TRUSTED_PROXIES,
    CONFIG_NODE_ID,
    CONFIG_WEB_ROOT,
    CONFIG_JWT_SECRET,
    CONFIG_JWT_SECRET_PREVIOUS,
    CONFIG_JWT_ACCESS_EXPIRY,
    CONFIG_JWT_REFRESH_EXPIRY,
    CONFIG_SANDBOXD_SOCKET,
    CONFIG_SANDBOXD_CLIENT_UID,
    CONFIG_PROGRAM_DIR,
    CONFIG_SANDBOX_MEMORY_LIMIT_MB,
    CONFIG_SANDBOX_CPU_PERCENT,
    CONFIG_SANDBOX_PID_LIMIT,
    CONFIG_SANDBOX_SESSION_TIMEOUT_SECS,
    CONFIG_SANDBOX_IDLE_TIMEOUT_SECS,
    CONFIG_SANDBOX_WARNING_SECS,
    CONFIG_SANDBOX_START_TIMEOUT_SECS,
    CONFIG_SANDBOX_MAX_PER_USER,
    CONFIG_SANDBOX_MAX_PER_NODE,
    CONFIG_SANDBOX_RETENTION_DAYS,
    CONFIG_SANDBOX_POOL_DESKTOP,
    CONFIG_SANDBOX_POOL_CODE,
    CONFIG_SANDBOX_POOL_MEMORY_MB,
    CONFIG_SANDBOX_TICK_US,
    CONFIG_SANDBOX_UID_BASE,
    CONFIG_SANDBOX_CGROUP_BACKEND,
    CONFIG_SANDBOX_CGROUP_PATH,
    CONFIG_SANDBOX_LAYERS_REQUIRED,
    CONFIG_EGRESS_CONNECTIONS,
    CONFIG_EGRESS_QUOTA_MB,
    CONFIG_FILE_STORAGE_PATH,
    CONFIG_FILE_ENCRYPTION_ENABLED,
    CONFIG_STORAGE_FREE_MIN_MB,
    CONFIG_CERTIFICATE_FILE,
    CONFIG_BACKUP_DIRECTORY,
    CONFIG_BACKUP_KEY_FILE,
    CONFIG_BACKUP_KEEP_DAYS,
    CONFIG_BACKUP_KEEP_WEEKS,
    CONFIG_DISPLAY_WIDTH,
    CONFIG_DISPLAY_HEIGHT,
    CONFIG_DISPLAY_MAX_WIDTH,
    CONFIG_DISPLAY_MAX_HEIGHT,
    CONFIG_CLIPBOARD_TO_SANDBOX_KB,
    CONFIG_CLIPBOARD_TO_BROWSER_KB,
    CONFIG_VIDEO_CODEC,
    CONFIG_VIDEO_CHROMA,
    CONFIG_VIDEO_PRESET,
    CONFIG_VIDEO_TUNE,
    CONFIG_VIDEO_FRAMERATE,
    CONFIG_VIDEO_BITRATE_KBPS,
    CONFIG_SOUND,
    CONFIG_MICROPHONE,
    CONFIG_SHARING,
    CONFIG_RECORDING,
    CONFIG_RECORDINGS_DIR,
    CONFIG_RECORDING_QUOTA_MB,
    CONFIG_RECORDING_RETENTION_DAYS,
    CONFIG_WATCHDOG_SECS,
    CONFIG_LOG_LEVEL,
    CONFIG_LOG_FORMAT,
    CONFIG_KEY_COUNT,
};

enum config_type { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_SWITCH, CONFIG_CHOICE };

struct config_entry {
    const char *name;
    enum config_type type;
    bool secret;              // only accepted from the secrets file or the environment; never printed
    int64_t minimum, maximum; // numbers: the value; text: its bytes
    const char *standard;     // default, as text
    const char *unit;         // "" when it has none
    const char *choices;      // CHOICE: separated by '|'
    const char *text;         // one sentence for --help and the manual
};

// Kinds of desktops: "desktop", whose settings are those of the table, and what lines TEMPLATE_<NAME> add or change.
#define TEMPLATE_NAME_MAX 32 // bytes
#define CONFIG_TEMPLATES_MAX 16

struct config;

// One line for the operator: what is wrong, where, and what to do.
#define CONFIG_ERROR_MAX 512
struct config_error {
    char text[CONFIG_ERROR_MAX];
};

const struct config_entry *config_entry(enum config_key key);
// The known key that looks most like an unknown name; -1 when none does.
int config_nearest(const char *name, size_t length);

// The defaults. NULL when memory is out.
struct config *config_new(void);
// Wipes secrets.
void config_free(struct config *config);

// Reads KEY=VALUE lines: blank lines and lines that start with # are skipped, a value may stand in double
// quotes. Refuses (-EINVAL, with the error told) an unknown key, a key given twice, a value out of range and
// a file that others may write. A secrets file must besides be unreadable for group and others; a secret in
// any other file is refused. At most 64 KiB.
int config_read_file(struct config *config, const char *path, bool secrets, struct config_error *ret_error);
// As config_read_file for text in memory; `name` stands for the path in errors.
int config_read_text(struct config *config, const char *text, size_t length, const char *name, bool secrets,
                     struct config_error *ret_error);
// Takes the known keys and templates from the environment. An unknown variable that starts like our keys (SANDBOX_ VIDEO_
// JWT_ FILE_ EGRESS_ BACKUP_ TEMPLATE_) is refused. A secret is removed from the environment once read.
int config_read_environment(struct config *config, struct config_error *ret_error);

// systemd's credentials (systemd.exec(5), LoadCredential=): a file for each key that is given so, named <prefix><KEY>, its value in the
// first line. Any key may be, secrets too: who may read the directory is its maker's affair. A key without a file stays as it was.
#define CONFIG_CREDENTIAL_PREFIX "config_"
int config_read_credentials(struct config *config, const char *directory, const char *prefix,
                            struct config_error *ret_error);

// Takes --config FILE and --secrets FILE out of argv (argc is adjusted), then the files, then the credentials of
// $CREDENTIALS_DIRECTORY, then the environment. What every program's main calls.
int config_load(struct config *config, int *argc, char **argv, struct config_error *ret_error);

// Called for each thing that is wrong, with one line of text.
typedef void config_found(void *data, const char *problem);
// As config_read_file, but goes on behind what is wrong and tells all of it.
void config_check_file(struct config *config, const char *path, bool secrets, config_found *found,
                       void *data);

// Borrowed until config_free or the next read. Choices are text.
const char *config_text(const struct config *config, enum config_key key);
int64_t config_number(const struct config *config, enum config_key key);
bool config_switch(const struct config *config, enum config_key key);

// A template's line may have another value of it.
bool config_by_template(enum config_key key);
// Templates are counted from 0, which is "desktop"; an index is one of them.
unsigned config_template_count(const struct config *config);
const char *config_template_name(const struct config *config, unsigned template_index);
// As it was given; NULL: "desktop" without one.
const char *config_template_line(const struct config *config, unsigned template_index);
// -1 when there is none of that name.
int config_find_template(const struct config *config, const char *name);
// Both have the same templates with the same lines.
bool config_same_templates(const struct config *config, const struct config *other);
// What is in force for its desktops. Borrowed as config_text.
const char *config_template_text(const struct config *config, unsigned template_index, enum config_key key);
int64_t config_template_number(const struct config *config, unsigned template_index, enum config_key key);
bool config_template_switch(const struct config *config, unsigned template_index, enum config_key key);
// What no line shows by itself. 0, or -EINVAL with the error told; config_load has asked.
int config_check_templates(const struct config *config, struct config_error *ret_error);

// Takes one value over from a configuration that was read later. What config_text lent of that key is gone. False when memory is out.
bool config_adopt(struct config *config, const struct config *fresh, enum config_key key);

// Prints the table as --help shows it.
void config_print_help(void);

// log_open with LOG_LEVEL and LOG_FORMAT.
void config_open_log(const struct config *config, const char *program);
