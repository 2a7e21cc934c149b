// An installation of its own, in which one program is another.
#include "tests/harness/sandboxd_fixture_private.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define PROGRAM_MAX (16u << 20)

static void copy_to(const char *from, const char *to)
{
    AUTO_FREE char *program = NULL;
    size_t length;
    assert_int_equal(read_file_at(AT_FDCWD, from, PROGRAM_MAX, &program, &length), 0);
    AUTO_FD int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    assert_true(fd >= 0 && fchmod(fd, 0755) == 0);
    assert_int_equal(write_all(fd, program, length), 0);
}

void sandboxd_replace_program(struct sandboxd_fixture *fixture, const char *name, const char *path)
{
    char from[512], to[512];
    const char *programs = getenv("PROGRAMS");
    snprintf(to, sizeof(to), "%s/p", fixture->directory);
    assert_int_equal(mkdir(to, 0755), 0);
    snprintf(fixture->program_dir, sizeof(fixture->program_dir), "%s/p/bin", fixture->directory);
    assert_int_equal(mkdir(fixture->program_dir, 0755), 0);
    snprintf(from, sizeof(from), "%s/share", programs);
    snprintf(to, sizeof(to), "%s/p/share", fixture->directory);
    assert_int_equal(symlink(from, to), 0);
    snprintf(from, sizeof(from), "%s/bin", programs);
    DIR *directory = opendir(from);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, name) == 0)
            continue;
        snprintf(from, sizeof(from), "%s/bin/%s", programs, entry->d_name);
        snprintf(to, sizeof(to), "%s/%s", fixture->program_dir, entry->d_name);
        assert_int_equal(symlink(from, to), 0);
    }
    closedir(directory);
    snprintf(to, sizeof(to), "%s/%s", fixture->program_dir, name);
    copy_to(path, to);
}
