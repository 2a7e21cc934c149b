// The files that sandboxctl restore is given: as sealed by nobody, and names as an archive may hold them.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backup/archive_members.h"
#include "backup/sealed.h"

static int file_of(const uint8_t *data, size_t size)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
        abort();
    return fd;
}

static void read_sealed(int fd)
{
    static struct sealed_reader reader;
    struct backup_key key = {.bytes = {1}, .id = "SBXBACK1SBXBACK"};
    const void *data;
    size_t length;
    if (sealed_read_begin(&reader, fd, &key))
        return;
    while (sealed_read(&reader, &data, &length) == 0 && length > 0)
        ;
}

static void read_name(const uint8_t *data, size_t size)
{
    char below[MEMBER_PATH_MAX], *name = malloc(size + 1);
    struct id home;
    if (!name)
        abort();
    memcpy(name, data, size);
    name[size] = '\0';
    if (member_parse(name, &home, below) == 0 &&
        (strncmp(below, "../", 3) == 0 || strstr(below, "/../") || below[0] == '/' || strstr(below, "//")))
        abort();
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct extract extract;
    static char manifest[MANIFEST_MAX];
    int fd = file_of(data, size);
    read_sealed(fd);
    lseek(fd, 0, SEEK_SET);
    memset(&extract, 0, sizeof(extract));
    extract.staging = -1;
    (void)archive_members_read(fd, &extract, -1, manifest);
    read_name(data, size);
    close(fd);
    return 0;
}
