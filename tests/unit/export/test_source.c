#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "export/source.h"
#include "lib/cleanup.h"
#include "lib/recording.h"

static int new_recording(void)
{
    uint8_t bytes[RECORDING_HEADER_SIZE];
    const struct recording_header header = {.started_us = 1};
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_true(fd >= 0);
    recording_header_write(&header, bytes);
    assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
    return fd;
}

static void add(int fd, uint32_t length, uint64_t time_us, size_t present, uint8_t value)
{
    uint8_t head[RECORDING_RECORD_SIZE];
    const struct recording_record record = {.length = length, .time_us = time_us};
    AUTO_FREE uint8_t *message = malloc(present + 1);
    memset(message, value, present);
    recording_record_write(&record, head);
    assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
    assert_int_equal(write(fd, message, present), present);
}

static void expect(struct source *source, uint64_t time_us, size_t length, uint8_t value)
{
    struct source_record record;
    assert_int_equal(source_next(source, &record), 0);
    assert_int_equal(record.time_us, time_us);
    assert_int_equal(record.length, length);
    assert_int_equal(record.message[0], value);
    assert_int_equal(record.message[length - 1], value);
}

static void records_of_every_size_come_in_order(void **state)
{
    (void)state;
    AUTO_FD int fd = new_recording();
    // Smaller than what is read at once, larger, and across its border.
    static const uint32_t lengths[] = {1, 100, (1u << 20) - 50, 3u << 20, STREAM_MESSAGE_MAX, 7};
    for (uint8_t i = 0; i < 6; i++)
        add(fd, lengths[i], i, lengths[i], i);
    struct source source;
    assert_int_equal(source_init(&source, fd), 0);
    for (uint8_t i = 0; i < 6; i++)
        expect(&source, i, lengths[i], i);
    struct source_record record;
    assert_int_equal(source_next(&source, &record), -ENODATA);
    source_finish(&source);
}

static void check_wrong(uint32_t length, uint64_t time_us, size_t present)
{
    AUTO_FD int fd = new_recording();
    add(fd, 4, 10, 4, 1);
    add(fd, length, time_us, present, 2);
    struct source source;
    assert_int_equal(source_init(&source, fd), 0);
    expect(&source, 10, 4, 1);
    struct source_record record;
    assert_int_equal(source_next(&source, &record), -EPROTO);
    source_finish(&source);
}

static void what_is_wrong_ends_it(void **state)
{
    (void)state;
    check_wrong(4, 9, 4);  // time falls
    check_wrong(5, 10, 4); // torn
    check_wrong(0, 10, 4); // nothing
    check_wrong(STREAM_MESSAGE_MAX + 1, 10, 4);
    check_wrong(UINT32_MAX, 10, 4);
}

static void what_is_no_recording_is_refused(void **state)
{
    (void)state;
    AUTO_FD int fd = memfd_create("nothing", MFD_CLOEXEC);
    struct source source;
    assert_int_equal(source_init(&source, fd), -EPROTO);
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_equal(source_init(&source, fd), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_every_size_come_in_order),
        cmocka_unit_test(what_is_wrong_ends_it),
        cmocka_unit_test(what_is_no_recording_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
