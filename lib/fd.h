#pragma once
// Small descriptor and path helpers.

#include <stddef.h>
#include <sys/types.h>

// Opens path beneath dir_fd; no component may be a symlink or leave the directory (openat2(2), Linux 5.6).
// Close-on-exec is added.
int open_beneath(int dir_fd, const char *path, int flags, mode_t mode, int *ret_fd);

// Reads a whole regular file of at most `maximum` bytes into a NUL-terminated buffer that the caller frees.
// -EFBIG when it is larger.
int read_file_at(int dir_fd, const char *path, size_t maximum, char **ret_text, size_t *ret_length);

// Writes all of it. -errno on failure, -EIO when the kernel took less than asked without an error.
int write_all(int fd, const void *data, size_t length);

int set_nonblocking(int fd);
