#pragma once
// The X server's pixels, mapped read-only from a sealed memfd. The sandbox owns the content and may change it
// at any moment; its XWD header is never read, the geometry is the one of the start message.

#include <stddef.h>
#include <stdint.h>

#include "streaming/image.h"

struct framebuffer {
    struct image image;
    void *mapping;
    size_t mapping_size;
};

// 0; -EPROTO when the file is not exactly as large as the display needs or can still change its size (a
// truncation would raise SIGBUS in a reader); -errno otherwise. The descriptor stays the caller's and may be
// closed.
int framebuffer_init(struct framebuffer *f, int fd, uint16_t width, uint16_t height);
void framebuffer_finish(struct framebuffer *f);
