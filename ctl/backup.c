// sandboxctl backup, backup-key

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup/archive_write.h"
#include "backup/dump.h"
#include "backup/retention.h"
#include "ctl/backup_files.h"
#include "ctl/command.h"
#include "lib/cleanup.h"
#include "store/snapshot.h"

#define PARTIAL ".partial"
#define HOST_UIDS (1u << 21) // above SANDBOX_UID_BASE

struct target {
    int directory;
    int file;
    char name[BACKUP_NAME_SIZE];
    uint64_t bytes;
};

static int open_directory(struct context *context, const char *path, struct target *target)
{
    struct stat status;
    target->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->directory < 0 || fstat(target->directory, &status) < 0) {
        complain(context, "%s: %s; make it with: install -d -m 0700 %s", path, strerror(errno), path);
        return STATUS_FAILED;
    }
    if (status.st_mode & 022) {
        complain(context, "%s: others may write there; run: chmod 0700 %s", path, path);
        return STATUS_FAILED;
    }
    if (flock(target->directory, LOCK_EX | LOCK_NB) < 0) {
        complain(context, "%s: %s", path,
                 errno == EWOULDBLOCK ? "another backup is under way" : strerror(errno));
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

// What a backup that was cut off left has this name too, and goes with the next one.
static int open_partial(struct context *context, struct target *target)
{
    if (unlinkat(target->directory, PARTIAL, 0) < 0 && errno != ENOENT) {
        complain(context, "%s: %s", PARTIAL, strerror(errno));
        return STATUS_FAILED;
    }
    target->file =
        openat(target->directory, PARTIAL, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (target->file < 0) {
        complain(context, "%s: %s", PARTIAL, strerror(errno));
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

static int finish(struct target *target)
{
    struct stat status;
    if (fsync(target->file) < 0 || fstat(target->file, &status) < 0 ||
        renameat2(target->directory, PARTIAL, target->directory, target->name, RENAME_NOREPLACE) < 0 ||
        fsync(target->directory) < 0)
        return -errno;
    target->bytes = (uint64_t)status.st_size;
    return 0;
}

static char *make_manifest(struct context *context, const struct store_snapshot *snapshot, time_t now)
{
    char time_text[32];
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_t *manifest = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:i, s:I}", "form", BACKUP_FORM, "created_at", time_text, "version",
        SANDBOX_VERSION, "node", config_text(context->config, CONFIG_NODE_ID), "postgresql", snapshot->server,
        "migrations", (int)snapshot->migrations, "accounts", (json_int_t)snapshot->account_count);
    char *text = manifest ? json_dumps(manifest, JSON_INDENT(2)) : NULL;
    json_decref(manifest);
    return text;
}

static int dump_as_its_user(struct context *context, struct store_snapshot *ret_snapshot, const int *ret_dump)
{
    int error = store_snapshot_begin(context->store, ret_snapshot);
    if (error)
        return complain_store(context, error);
    error = dump_make(config_text(context->config, CONFIG_DATABASE_URL), ret_snapshot->name, *ret_dump);
    if (!error)
        error = dump_check(*ret_dump);
    if (error) {
        complain(context, "pg_dump: %s",
                 error == -ENOENT ? "not found; install postgresql-client"
                                  : "it failed, or pg_restore can't read it");
        return STATUS_FAILED;
    }
    error = store_snapshot_end(context->store);
    return error ? complain_store(context, error) : STATUS_OK;
}

// Names tell seconds; whoever asks twice in one gets the next.
static void choose_name(struct target *target, time_t now)
{
    do
        backup_name(now++, target->name);
    while (faccessat(target->directory, target->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

static int dump_database(struct context *context, struct store_snapshot *ret_snapshot, int *ret_dump)
{
    int status = backup_open_temporary(context, ret_dump);
    if (!status)
        status = backup_enter_database(context);
    if (status)
        return status;
    return backup_leave_database(context, dump_as_its_user(context, ret_snapshot, ret_dump));
}

static int write_all_of_it(struct context *context, const struct backup_key *key, struct target *target,
                           const struct store_snapshot *snapshot, int dump)
{
    time_t now = time(NULL);
    struct homes_count count = {0};
    AUTO_FREE char *manifest = make_manifest(context, snapshot, now);
    AUTO_FREE struct backup_account *accounts = calloc(snapshot->account_count + 1, sizeof(*accounts));
    if (!manifest || !accounts)
        return complain_store(context, -ENOMEM);
    for (size_t i = 0; i < snapshot->account_count; i++)
        accounts[i] = (struct backup_account){snapshot->accounts[i].id, snapshot->accounts[i].number};
    choose_name(target, now);
    struct backup_job job = {.out = target->file,
                             .key = key,
                             .manifest = manifest,
                             .dump = dump,
                             .storage = config_text(context->config, CONFIG_FILE_STORAGE_PATH),
                             .accounts = accounts,
                             .account_count = snapshot->account_count,
                             .uid_base = (uint64_t)config_number(context->config, CONFIG_SANDBOX_UID_BASE),
                             .uid_count = HOST_UIDS};
    if (lseek(dump, 0, SEEK_SET) < 0)
        return complain_store(context, -errno);
    int error = backup_write(&job, &count);
    if (!error)
        error = finish(target);
    if (error) {
        complain(context, "the backup could not be written: %s", strerror(-error));
        unlinkat(target->directory, PARTIAL, 0);
        return STATUS_FAILED;
    }
    backup_print_count(target->name, target->bytes, &count);
    return STATUS_OK;
}

static int tidy(struct context *context, const struct target *target)
{
    unsigned removed = 0;
    int error = backup_enter_database(context);
    if (error)
        return error;
    error = store_backup_record(context->store, config_text(context->config, CONFIG_NODE_ID), target->name,
                                target->bytes);
    if (backup_leave_database(context, STATUS_OK))
        return STATUS_FAILED;
    if (error) {
        complain_store(context, error);
        complain(context, "the backup is whole, but monitoring will not know of it");
        return STATUS_FAILED;
    }
    error =
        retention_apply(target->directory, (unsigned)config_number(context->config, CONFIG_BACKUP_KEEP_DAYS),
                        (unsigned)config_number(context->config, CONFIG_BACKUP_KEEP_WEEKS), &removed);
    if (error) {
        complain(context, "the backup is whole, but older ones could not be removed: %s", strerror(-error));
        return STATUS_FAILED;
    }
    printf("%u older ones removed\n", removed);
    return STATUS_OK;
}

static void cleanup_target(struct target *target)
{
    if (target->file >= 0)
        close(target->file);
    if (target->directory >= 0)
        close(target->directory);
}

int backup(struct context *context)
{
    const char *directory = backup_setting(context, OPTION_DIRECTORY, CONFIG_BACKUP_DIRECTORY);
    CLEANUP(cleanup_target) struct target target = {.directory = -1, .file = -1};
    CLEANUP(backup_key_finish) struct backup_key key;
    CLEANUP(store_snapshot_finish) struct store_snapshot snapshot = {0};
    AUTO_FD int dump = -1;
    int status = backup_load_key(context, &key);
    if (!status)
        status = directory ? open_directory(context, directory, &target) : STATUS_FAILED;
    if (!status && !backup_setting(context, OPTION_COUNT, CONFIG_FILE_STORAGE_PATH))
        status = STATUS_FAILED;
    if (!status)
        status = backup_open_store(context);
    if (!status)
        status = dump_database(context, &snapshot, &dump);
    if (!status)
        status = open_partial(context, &target);
    if (!status)
        status = write_all_of_it(context, &key, &target, &snapshot, dump);
    return status ? status : tidy(context, &target);
}

int backup_key(struct context *context)
{
    const char *path = context->options.operand;
    if (!path)
        path = backup_setting(context, OPTION_KEY, CONFIG_BACKUP_KEY_FILE);
    if (!path)
        return STATUS_FAILED;
    int error = backup_key_make(path);
    if (error) {
        complain(context, "%s: %s", path,
                 error == -EEXIST ? "there is a key already; backups made with it need it"
                                  : strerror(-error));
        return STATUS_FAILED;
    }
    printf("%s: a new key. Keep a copy away from this machine: without it no backup can be read.\n", path);
    return STATUS_OK;
}
