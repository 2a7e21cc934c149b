#include "backup/archive_write.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/confined.h"
#include "backup/file_data.h"
#include "backup/sealed.h"
#include "lib/cleanup.h"

#define COMPRESSION "compression-level=3"

struct writing {
    const struct backup_job *job;
    struct homes_count *count; // shared with the caller
    struct sealed_writer sealed;
    int error; // of the file, which libarchive's own does not tell
};

static ssize_t put_bytes(struct archive *archive, void *data, const void *bytes, size_t length)
{
    struct writing *writing = data;
    int error = sealed_write(&writing->sealed, bytes, length);
    if (!error)
        return (ssize_t)length;
    writing->error = error;
    archive_set_error(archive, -error, "%s", strerror(-error));
    return -1;
}

static void cleanup_archive(struct archive **archive)
{
    archive_write_free(*archive);
}

static void cleanup_entry(struct archive_entry **entry)
{
    archive_entry_free(*entry);
}

static struct archive *open_archive(struct writing *writing)
{
    CLEANUP(cleanup_archive) struct archive *archive = archive_write_new();
    // Names are bytes: no locale has a say in them.
    if (!archive || archive_write_set_format_pax(archive) != ARCHIVE_OK ||
        archive_write_set_format_option(archive, "pax", "hdrcharset", "BINARY") != ARCHIVE_OK ||
        archive_write_add_filter_zstd(archive) != ARCHIVE_OK ||
        archive_write_set_options(archive, COMPRESSION) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
        archive_write_open(archive, writing, NULL, put_bytes, NULL) != ARCHIVE_OK)
        return NULL;
    return steal_pointer(&archive);
}

static struct archive_entry *plain_entry(const char *name)
{
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return NULL;
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    return entry;
}

static int put_manifest(struct archive *archive, const char *text)
{
    CLEANUP(cleanup_entry) struct archive_entry *entry = plain_entry(MEMBER_MANIFEST);
    if (!entry)
        return -ENOMEM;
    size_t length = strlen(text);
    archive_entry_set_size(entry, (int64_t)length);
    int error = file_data_header(archive, entry);
    return error || archive_write_data(archive, text, length) == (ssize_t)length ? error : -EIO;
}

static int put_dump(struct archive *archive, int fd)
{
    CLEANUP(cleanup_entry) struct archive_entry *entry = plain_entry(MEMBER_DUMP);
    if (!entry)
        return -ENOMEM;
    struct file_data data = {.fd = fd};
    int error = file_data_put(&data, archive, entry);
    return error || !data.shrank ? error : -EIO;
}

static int put_homes(struct writing *writing, struct archive *archive)
{
    const struct backup_job *job = writing->job;
    AUTO_FD int storage = open(job->storage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (storage < 0)
        return -errno;
    struct homes_reader reader = {.archive = archive,
                                  .storage = storage,
                                  .uid_base = job->uid_base,
                                  .uid_count = job->uid_count,
                                  .count = writing->count};
    for (size_t i = 0; i < job->account_count; i++) {
        int error = homes_read(&reader, &job->accounts[i].id, job->accounts[i].number);
        if (error)
            return error;
    }
    return 0;
}

static int run(void *data)
{
    struct writing *writing = data;
    const struct backup_job *job = writing->job;
    int error = sealed_write_begin(&writing->sealed, job->out, job->key);
    CLEANUP(cleanup_archive) struct archive *archive = error ? NULL : open_archive(writing);
    if (!archive)
        return error ? error : -ENOMEM;
    error = put_manifest(archive, job->manifest);
    if (!error)
        error = put_dump(archive, job->dump);
    if (!error)
        error = put_homes(writing, archive);
    if (!error && archive_write_close(archive) != ARCHIVE_OK)
        error = -EIO;
    if (error)
        return writing->error ? writing->error : error;
    return sealed_write_end(&writing->sealed);
}

int backup_write(const struct backup_job *job, struct homes_count *ret_count)
{
    AUTO_FREE struct writing *writing = calloc(1, sizeof(*writing));
    struct homes_count *count = confined_memory(sizeof(*count));
    if (!writing || !count)
        return -ENOMEM;
    writing->job = job;
    writing->count = count;
    struct confined confined = {.run = run,
                                .data = writing,
                                .directory = job->storage,
                                .capabilities = UINT64_C(1) << CAP_DAC_READ_SEARCH |
                                                UINT64_C(1) << CAP_FOWNER}; // for O_NOATIME
    int error = confined_run(&confined);
    if (!error)
        *ret_count = *count;
    munmap(count, sizeof(*count));
    return error;
}
