// sandbox-framebuffer.so: preloaded into the X server of a desktop. Xvfb brings its framebuffer file to its size by writing zeros over all of it,
// and then paints an empty root window over all of it: at 3840x2160 half of its start, and memory that nobody looks at. Ours has its size
// when it comes (the seals say so) and is a hole that reads as zeros. What would only fill holes with zeros is left out, anything else goes
// its way: without this library the picture is the same.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define PAGE 4096u
#define DEPTH 32
#define WORTH_ASKING 65536 // pixels; less is filled sooner than the kernel is asked

typedef int fill_fn(uint32_t *bits, int stride, int depth, int x, int y, int width, int height,
                    uint32_t filler);

// The names that the X server is linked to. libpixman's header is not needed for one function.
#define EXPORTED __attribute__((visibility("default")))
EXPORTED fill_fn pixman_fill;

static struct {
    int fd;
    char *start;
    size_t length;
} framebuffer = {.fd = -1};

__attribute__((constructor)) static void begin(void)
{
    unsetenv("LD_PRELOAD"); // what the server starts (xkbcomp) has no framebuffer
}

static bool is_framebuffer(int fd)
{
    int before = errno;
    int seals = fcntl(fd, F_GET_SEALS);
    errno = before;
    return seals >= 0 && (seals & SEALS) == SEALS;
}

// The server writes nothing else to that file: header and pixels go through memory.
EXPORTED ssize_t write(int fd, const void *data, size_t length)
{
    return is_framebuffer(fd) ? (ssize_t)length : syscall(SYS_write, fd, data, length);
}

EXPORTED void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    long mapped = syscall(SYS_mmap, address, length, protection, flags, fd, offset);
    if (mapped != -1 && fd >= 0 && offset == 0 && framebuffer.fd < 0 && is_framebuffer(fd)) {
        framebuffer.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        framebuffer.start = (char *)mapped;
        framebuffer.length = length;
    }
    return (void *)mapped;
}

// Whether nothing was drawn on any page from `start` on. What shares its first page with others is not asked for.
static bool is_hole(const char *start, const char *end)
{
    int before = errno;
    off_t data = lseek(framebuffer.fd, start - framebuffer.start, SEEK_DATA);
    bool hole = data < 0 ? errno == ENXIO : data >= end - framebuffer.start;
    errno = before;
    return hole;
}

static bool fill_hole(uint32_t *bits, int stride, int x, int y, int width, int height)
{
    uint32_t *pixel = bits + (ptrdiff_t)y * stride + x;
    char *start = (char *)pixel;
    char *end = (char *)(pixel + (ptrdiff_t)(height - 1) * stride + width);
    size_t shared = -(uintptr_t)start % PAGE; // the file's header, or another line, lies before
    if (start < framebuffer.start || end > framebuffer.start + framebuffer.length ||
        shared > (size_t)width * sizeof(*pixel) || !is_hole(start + shared, end))
        return false;
    memset(start, 0, shared);
    return true;
}

EXPORTED int pixman_fill(uint32_t *bits, int stride, int depth, int x, int y, int width, int height,
                         uint32_t filler)
{
    if (framebuffer.fd >= 0 && filler == 0 && depth == DEPTH && width > 0 && height > 0 && stride >= width &&
        (int64_t)width * height >= WORTH_ASKING && fill_hole(bits, stride, x, y, width, height))
        return true;
    static fill_fn *next;
    if (!next) {
        void *symbol = dlsym(RTLD_NEXT, "pixman_fill");
        memcpy(&next, &symbol, sizeof(next));
    }
    return next ? next(bits, stride, depth, x, y, width, height, filler) : false;
}
