// sandbox-keymap: lies over xkbcomp in a desktop sandbox. The X server has its keymap compiled at each start; for the one it always asks first,
// the answer was compiled when the project was built. Anything else goes to the real xkbcomp.

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define KNOWN_TEXT "/sandbox/desktop/keymap.xkb"
#define KNOWN_MAP "/sandbox/desktop/keymap.xkm"
#define COMPILER "/sandbox/xkbcomp"
#define KEYMAP_MAX (1u << 20)

// The whole standard input, or of what came until the limit.
static size_t read_request(char *text, size_t size)
{
    size_t length = 0;
    for (ssize_t n; length < size && (n = read(STDIN_FILENO, text + length, size - length)) > 0;)
        length += (size_t)n;
    return length;
}

static bool is_known(const char *text, size_t length)
{
    AUTO_FREE char *known = NULL;
    size_t known_length;
    return read_file_at(AT_FDCWD, KNOWN_TEXT, KEYMAP_MAX, &known, &known_length) == 0 &&
           known_length == length && memcmp(known, text, length) == 0;
}

static int answer(const char *path)
{
    AUTO_FREE char *map = NULL;
    size_t length;
    int error = read_file_at(AT_FDCWD, KNOWN_MAP, KEYMAP_MAX, &map, &length);
    if (error)
        return error;
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : write_all(fd, map, length);
}

static int compile(char **argv, const char *text, size_t length)
{
    AUTO_FD int copy = memfd_create("keymap", MFD_CLOEXEC);
    if (copy < 0 || write_all(copy, text, length) < 0 || lseek(copy, 0, SEEK_SET) < 0 ||
        dup2(copy, STDIN_FILENO) < 0)
        return -errno;
    execv(COMPILER, argv);
    return -errno;
}

int main(int argc, char **argv)
{
    AUTO_FREE char *text = malloc(KEYMAP_MAX);
    if (argc < 2 || !text)
        return EXIT_FAILURE;
    bool from_input = false; // as the X server asks
    for (int i = 1; i < argc; i++)
        from_input |= strcmp(argv[i], "-") == 0;
    if (!from_input) {
        execv(COMPILER, argv);
        return EXIT_FAILURE;
    }
    size_t length = read_request(text, KEYMAP_MAX);
    if (is_known(text, length) && answer(argv[argc - 1]) == 0)
        return EXIT_SUCCESS;
    int error = compile(argv, text, length);
    fprintf(stderr, "sandbox-keymap: %s: %s\n", COMPILER, strerror(-error));
    return EXIT_FAILURE;
}
