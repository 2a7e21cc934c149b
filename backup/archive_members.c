#include "backup/archive_members.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define BLOCK 65536

static void cleanup_archive(struct archive **archive)
{
    archive_read_free(*archive);
}

static int broken(struct extract *extract, const char *problem)
{
    if (!extract->problem)
        extract->problem = problem;
    return -EPROTO;
}

// The next member, which must have that name.
static int expect(struct extract *extract, struct archive *archive, const char *name,
                  struct archive_entry **ret_entry)
{
    if (archive_read_next_header(archive, ret_entry) != ARCHIVE_OK)
        return broken(extract, "the archive can't be read");
    const char *found = archive_entry_pathname(*ret_entry);
    bool fits = found && strcmp(found, name) == 0 && archive_entry_filetype(*ret_entry) == AE_IFREG;
    return fits ? 0 : broken(extract, "a member is missing or out of place");
}

static int read_manifest(struct extract *extract, struct archive *archive, char *manifest)
{
    struct archive_entry *entry;
    int error = expect(extract, archive, MEMBER_MANIFEST, &entry);
    if (error)
        return error;
    int64_t size = archive_entry_size(entry);
    if (size < 0 || size >= MANIFEST_MAX || archive_read_data(archive, manifest, (size_t)size) != size)
        return broken(extract, "the manifest can't be read");
    manifest[size] = '\0';
    return 0;
}

static int read_dump(struct extract *extract, struct archive *archive, int fd)
{
    char buffer[BLOCK];
    struct archive_entry *entry;
    int error = expect(extract, archive, MEMBER_DUMP, &entry);
    la_ssize_t length = 0;
    while (!error && (length = archive_read_data(archive, buffer, sizeof(buffer))) > 0)
        error = fd >= 0 ? write_all(fd, buffer, (size_t)length) : 0;
    return !error && length < 0 ? broken(extract, "the database's dump can't be read") : error;
}

static int read_homes(struct extract *extract, struct archive *archive)
{
    struct archive_entry *entry;
    int status;
    while ((status = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        int error = extract_member(extract, archive, entry);
        if (error)
            return error;
    }
    return status == ARCHIVE_EOF ? extract_end(extract) : broken(extract, "the archive can't be read");
}

static int drain(int fd)
{
    char buffer[BLOCK];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR))
        ;
    return n < 0 ? -errno : 0;
}

int archive_members_read(int fd, struct extract *extract, int dump, char ret_manifest[static MANIFEST_MAX])
{
    CLEANUP(cleanup_archive) struct archive *archive = archive_read_new();
    if (!archive)
        return -ENOMEM;
    if (archive_read_support_format_tar(archive) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
        archive_read_open_fd(archive, fd, BLOCK) != ARCHIVE_OK)
        return broken(extract, "the archive can't be read");
    int error = read_manifest(extract, archive, ret_manifest);
    if (!error)
        error = read_dump(extract, archive, dump);
    if (!error)
        error = read_homes(extract, archive);
    return error ? error : drain(fd);
}
