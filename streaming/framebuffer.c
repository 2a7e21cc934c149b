#include "streaming/framebuffer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/streamer_channel.h"

int framebuffer_init(struct framebuffer *f, int fd, uint16_t width, uint16_t height)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0)
        return errno == EINVAL ? -EPROTO : -errno;
    int needed = F_SEAL_SHRINK | F_SEAL_GROW;
    size_t size = framebuffer_size(width, height);
    if ((seals & needed) != needed || status.st_size < 0 || (size_t)status.st_size != size)
        return -EPROTO;
    void *mapping = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED)
        return -errno;
    *f = (struct framebuffer){.image = {.pixels = (const uint8_t *)mapping + FRAMEBUFFER_HEADER_SIZE,
                                        .stride = (size_t)width * 4,
                                        .width = width,
                                        .height = height},
                              .mapping = mapping,
                              .mapping_size = size};
    return 0;
}

void framebuffer_finish(struct framebuffer *f)
{
    if (f->mapping)
        munmap(f->mapping, f->mapping_size);
    *f = (struct framebuffer){0};
}
