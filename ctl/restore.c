// sandboxctl restore

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backup/archive_read.h"
#include "backup/dump.h"
#include "ctl/backup_files.h"
#include "ctl/command.h"
#include "lib/cleanup.h"
#include "store/migration.h"
#include "store/snapshot.h"

#define STAGING ".restoring"

struct restore {
    struct context *context;
    const char *storage;
    struct backup_key key;
    struct backup_contents contents;
    int file, dump;
};

static void cleanup_restore(struct restore **restore)
{
    if (!*restore)
        return;
    backup_key_finish(&(*restore)->key);
    if ((*restore)->file >= 0)
        close((*restore)->file);
    if ((*restore)->dump >= 0)
        close((*restore)->dump);
    free(*restore);
}

static int complain_file(const struct restore *restore, int error)
{
    const char *why = strerror(-error);
    if (error == -EKEYREJECTED)
        why = "it was made with another key";
    else if (error == -EBADMSG)
        why = "it was altered";
    else if (error == -ENODATA)
        why = "its end is missing, or was altered";
    else if (error == -EPROTO)
        why = restore->contents.problem[0] ? restore->contents.problem : "it is no backup";
    complain(restore->context, "%s: %s", restore->context->options.operand, why);
    return STATUS_FAILED;
}

// Of a name in the homes' file system, as far as it is there yet; 0: not known.
static size_t longest_name(const char *storage)
{
    struct statvfs status;
    return statvfs(storage, &status) == 0 ? status.f_namemax : 0;
}

static int read_file(struct restore *restore, int dump, const char *storage)
{
    struct backup_reading reading = {
        .in = restore->file,
        .key = &restore->key,
        .dump = dump,
        .storage = storage,
        .staging = STAGING,
        .name_max = longest_name(restore->storage),
        .tell = storage || restore->context->options.values[OPTION_DRY_RUN],
        .uid_base = (uint64_t)config_number(restore->context->config, CONFIG_SANDBOX_UID_BASE)};
    int error = lseek(restore->file, 0, SEEK_SET) < 0 ? -errno : backup_read(&reading, &restore->contents);
    return error ? complain_file(restore, error) : STATUS_OK;
}

static int check_manifest(struct restore *restore)
{
    struct store_migrations migrations;
    char directory[PATH_MAX];
    const char *created, *node;
    int form, applied;
    json_t *manifest = json_loads(restore->contents.manifest, JSON_REJECT_DUPLICATES, NULL);
    bool fits = manifest && json_unpack(manifest, "{s:i, s:s, s:s, s:i}", "form", &form, "created_at",
                                        &created, "node", &node, "migrations", &applied) == 0;
    if (!fits || form != BACKUP_FORM) {
        json_decref(manifest);
        complain(restore->context, "%s: it was made by another version", restore->context->options.operand);
        return STATUS_FAILED;
    }
    printf("made %s on node %s: %" PRIu64 " homes, %" PRIu64 " entries, %" PRIu64 " bytes\n", created, node,
           restore->contents.homes, restore->contents.entries, restore->contents.bytes);
    json_decref(manifest);
    int error = context_migrations(restore->context, directory, sizeof(directory));
    if (!error)
        error = store_migrations_count(directory, &migrations.applied);
    if (error) {
        complain(restore->context, "migrations: %s", strerror(-error));
        return STATUS_FAILED;
    }
    if ((unsigned)applied > migrations.applied) {
        complain(restore->context, "the backup is of a newer version: install that one first");
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

// Everything is read once before anything is changed.
static int verify(struct restore *restore)
{
    restore->file = open(restore->context->options.operand, O_RDONLY | O_CLOEXEC);
    if (restore->file < 0)
        return complain_file(restore, -errno);
    int status = backup_load_key(restore->context, &restore->key);
    if (!status)
        status = backup_open_temporary(restore->context, &restore->dump);
    if (!status)
        status = read_file(restore, restore->dump, NULL);
    if (!status)
        status = check_manifest(restore);
    if (status)
        return status;
    int error = dump_check(restore->dump);
    if (error)
        complain(restore->context, "pg_restore: %s",
                 error == -ENOENT ? "not found; install postgresql-client"
                                  : "it can't read the database's dump");
    return error ? STATUS_FAILED : STATUS_OK;
}

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static bool is_nothing(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0;
}

static int check_storage(struct restore *restore)
{
    CLEANUP(cleanup_dir) DIR *entries = opendir(restore->storage);
    if (!entries) {
        complain(restore->context, "%s: %s", restore->storage, strerror(errno));
        return STATUS_FAILED;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (is_nothing(entry->d_name))
            continue;
        complain(restore->context, "%s is not empty: move what it holds elsewhere first", restore->storage);
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

static int check_empty(struct restore *restore)
{
    bool empty;
    if (backup_enter_database(restore->context))
        return STATUS_FAILED;
    int error = store_is_empty(restore->context->store, &empty);
    if (backup_leave_database(restore->context, STATUS_OK))
        return STATUS_FAILED;
    if (error)
        return complain_store(restore->context, error);
    if (!empty) {
        complain(restore->context, "the database is not empty: only a new one, or one whose first account "
                                   "nobody has used, is written over");
        return STATUS_FAILED;
    }
    return check_storage(restore);
}

// Homes appear under their names only when all of them are there.
static int publish(const char *storage_path)
{
    AUTO_FD int storage = open(storage_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_FD int staging =
        storage < 0 ? -1 : openat(storage, STAGING, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_FD int listed = staging < 0 ? -1 : openat(staging, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(cleanup_dir) DIR *entries = listed < 0 ? NULL : fdopendir(listed);
    if (!entries || syncfs(storage) < 0)
        return -errno;
    steal_fd(&listed);
    errno = 0;
    for (struct dirent *entry; (entry = readdir(entries)); errno = 0) {
        if (!is_nothing(entry->d_name) && renameat(staging, entry->d_name, storage, entry->d_name) < 0)
            return -errno;
    }
    return errno || unlinkat(storage, STAGING, AT_REMOVEDIR) < 0 || syncfs(storage) < 0 ? -errno : 0;
}

static int restore_homes(struct restore *restore)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/" STAGING, restore->storage);
    int error = length >= (int)sizeof(path) ? -ENAMETOOLONG : mkdir(path, 0700) < 0 ? -errno : 0;
    int status = STATUS_OK;
    if (!error)
        status = read_file(restore, -1, restore->storage);
    if (!error && !status)
        error = publish(restore->storage);
    if (error)
        complain(restore->context, "%s: %s", path, strerror(-error));
    if (error || status) {
        complain(restore->context, "nothing was restored; remove %s before the next attempt", path);
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

static int restore_database(struct restore *restore, unsigned *ret_ended)
{
    struct context *context = restore->context;
    struct store_migrations migrations;
    char directory[PATH_MAX];
    int error = store_clear(context->store);
    if (error)
        return complain_store(context, error);
    if (dump_restore(config_text(context->config, CONFIG_DATABASE_URL), restore->dump)) {
        complain(context, "pg_restore failed: the database is empty now");
        return STATUS_FAILED;
    }
    error = context_migrations(context, directory, sizeof(directory));
    if (!error)
        error = store_migrate(context->store, directory, &migrations);
    if (!error)
        error = store_restored(context->store, ret_ended);
    return error ? complain_store(context, error) : STATUS_OK;
}

// What the exit status says besides success.
static int tell_left(const struct restore *restore)
{
    if (restore->contents.left == 0)
        return STATUS_OK;
    complain(restore->context,
             "left out: %" PRIu64
             " entries or attributes, named above, which the file system of %s does not take",
             restore->contents.left, restore->storage);
    return STATUS_PARTIAL;
}

int restore(struct context *context)
{
    CLEANUP(cleanup_restore) struct restore *restore = calloc(1, sizeof(*restore));
    if (!restore)
        return complain_store(context, -ENOMEM);
    *restore = (struct restore){.context = context, .file = -1, .dump = -1};
    bool dry_run = context->options.values[OPTION_DRY_RUN];
    restore->storage = backup_setting(context, OPTION_COUNT, CONFIG_FILE_STORAGE_PATH);
    unsigned ended = 0;
    if (!context->options.operand) {
        complain(context, "which FILE?");
        return STATUS_USAGE;
    }
    int status = restore->storage ? verify(restore) : STATUS_FAILED;
    if (!status && dry_run) {
        printf("it is whole; nothing was changed\n");
        return tell_left(restore);
    }
    if (status)
        return status;
    status = backup_open_store(context);
    if (!status)
        status = check_empty(restore);
    if (!status)
        status = restore_homes(restore);
    if (status)
        return status;
    status = backup_enter_database(context);
    if (!status)
        status = backup_leave_database(context, restore_database(restore, &ended));
    if (status) {
        complain(context, "the homes are there, the database is not: empty %s and restore again",
                 restore->storage);
        return status;
    }
    printf(
        "restored. Users sign in anew. %u sandboxes that ran then are recorded as ended; what still runs is "
        "stopped by its node, which logs and records it.\n",
        ended);
    return tell_left(restore);
}
