// The picture's memory comes by a descriptor: none is mapped that could shrink under its reader.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/streamer_channel.h"
#include "streaming/framebuffer.h"

#define WIDTH 64
#define HEIGHT 48
#define SHUT (F_SEAL_SHRINK | F_SEAL_GROW)

static int make(size_t size, int seals)
{
    int fd = memfd_create("framebuffer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

static void a_sealed_one_of_its_size_is_mapped(void **state)
{
    (void)state;
    AUTO_FD int fd = make(framebuffer_size(WIDTH, HEIGHT), SHUT | F_SEAL_SEAL);
    struct framebuffer f;
    assert_int_equal(framebuffer_init(&f, fd, WIDTH, HEIGHT), 0);
    assert_int_equal(f.image.stride, WIDTH * 4);
    assert_int_equal(f.image.pixels[(HEIGHT - 1) * f.image.stride + WIDTH * 4 - 1], 0);
    assert_true(ftruncate(fd, 4096) < 0 && errno == EPERM);
    framebuffer_finish(&f);
    framebuffer_finish(&f);
}

static void one_that_can_change_its_size_is_refused(void **state)
{
    (void)state;
    static const int seals[] = {0, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_GROW | F_SEAL_SEAL};
    for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++) {
        AUTO_FD int fd = make(framebuffer_size(WIDTH, HEIGHT), seals[i]);
        struct framebuffer f = {0};
        assert_int_equal(framebuffer_init(&f, fd, WIDTH, HEIGHT), -EPROTO);
        assert_null(f.mapping);
    }
}

static void another_size_is_refused(void **state)
{
    (void)state;
    size_t right = framebuffer_size(WIDTH, HEIGHT);
    const size_t sizes[] = {0, 1, 4096, right - 1, right + 1, right * 2};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        AUTO_FD int fd = make(sizes[i], SHUT);
        struct framebuffer f = {0};
        assert_int_equal(framebuffer_init(&f, fd, WIDTH, HEIGHT), -EPROTO);
    }
}

static void what_is_no_memory_file_is_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"/dev/zero", "/dev/null", "/usr/bin/env", "/", "/proc/self/maps"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        AUTO_FD int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        struct framebuffer f = {0};
        assert_int_equal(framebuffer_init(&f, fd, WIDTH, HEIGHT), -EPROTO);
    }
    int ends[2];
    struct framebuffer f = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(framebuffer_init(&f, ends[0], WIDTH, HEIGHT), -EPROTO);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(framebuffer_init(&f, ends[0], WIDTH, HEIGHT), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_one_of_its_size_is_mapped),
        cmocka_unit_test(one_that_can_change_its_size_is_refused),
        cmocka_unit_test(another_size_is_refused),
        cmocka_unit_test(what_is_no_memory_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
