#include "ctl/backup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/system.h"
#include "store/store.h"

const char *backup_setting(const struct context *context, enum option option, enum config_key key)
{
    const char *value = option < OPTION_COUNT ? context->options.values[option] : NULL;
    if (!value)
        value = config_text(context->config, key);
    if (*value)
        return value;
    complain(context, "%s is not set: give it in the configuration%s%s", config_entry(key)->name,
             option < OPTION_COUNT ? ", or " : "", option < OPTION_COUNT ? option_text(option) : "");
    return NULL;
}

int backup_load_key(const struct context *context, struct backup_key *ret_key)
{
    *ret_key = (struct backup_key){0};
    const char *path = backup_setting(context, OPTION_KEY, CONFIG_BACKUP_KEY_FILE);
    if (!path)
        return STATUS_FAILED;
    int error = backup_key_load(ret_key, path);
    if (!error)
        return STATUS_OK;
    static const char *const wrong = "holds no key of 64 hexadecimal digits";
    if (error == -EPERM)
        complain(context, "%s: others may read it; run: chown root: %s && chmod 0600 %s", path, path, path);
    else
        complain(context, "%s: %s; make one with: sandboxctl backup-key %s", path,
                 error == -EINVAL ? wrong : strerror(-error), path);
    return STATUS_FAILED;
}

int backup_open_temporary(const struct context *context, int *ret_fd)
{
    const char *directory = getenv("TMPDIR");
    if (!directory || !*directory)
        directory = "/var/tmp";
    int fd = open(directory, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        complain(context, "%s: %s; give TMPDIR a directory for a moment's copy of the database", directory,
                 strerror(errno));
        return STATUS_FAILED;
    }
    *ret_fd = fd;
    return STATUS_OK;
}

void backup_print_count(const char *name, uint64_t bytes, const struct homes_count *count)
{
    printf("%s: %" PRIu64 " bytes, %" PRIu64 " homes, %" PRIu64 " directories, %" PRIu64 " files of %" PRIu64
           " bytes, %" PRIu64 " symbolic and %" PRIu64 " hard links\n",
           name, bytes, count->homes, count->directories, count->files, count->bytes, count->symlinks,
           count->hard_links);
    if (count->changed)
        printf("  %" PRIu64 " files were cut while they were read; zeros stand for what was gone\n",
               count->changed);
    for (unsigned i = 0; i < LEFT_COUNT; i++) {
        if (count->left[i])
            printf("  left out, %s: %" PRIu64 "\n", homes_left_name(i), count->left[i]);
    }
}

int backup_open_store(struct context *context)
{
    const char *url = backup_setting(context, OPTION_COUNT, CONFIG_DATABASE_URL);
    if (!url)
        return STATUS_FAILED;
    context->store = store_new(url);
    return context->store ? STATUS_OK : complain_store(context, -ENOMEM);
}

static int complain_user(const struct context *context, int error)
{
    complain(context, "the user sandbox-server: %s", strerror(-error));
    return STATUS_FAILED;
}

int backup_enter_database(struct context *context)
{
    int error = system_lend(context);
    return error ? complain_user(context, error) : STATUS_OK;
}

int backup_leave_database(struct context *context, int status)
{
    int error = system_return(context);
    return error && !status ? complain_user(context, error) : status;
}
