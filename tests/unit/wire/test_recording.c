#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/recording.h"
#include "lib/wire.h"

#define KEYS_MAX 8

struct made {
    int fd;
    struct recording_scan scan;
    struct recording_key expected[KEYS_MAX], found[KEYS_MAX];
    size_t expected_count, found_count;
};

static struct recording_header header(void)
{
    return (struct recording_header){
        .recording = id_new(), .sandbox = id_new(), .account = id_new(), .started_us = 1750000000000000};
}

static struct made make_file(void)
{
    struct made made = {.fd = memfd_create("recording", MFD_CLOEXEC), .scan = recording_scan_new()};
    uint8_t bytes[RECORDING_HEADER_SIZE];
    struct recording_header head = header();
    recording_header_write(&head, bytes);
    assert_int_equal(write(made.fd, bytes, sizeof(bytes)), sizeof(bytes));
    return made;
}

static void add(struct made *made, uint64_t time_us, const uint8_t *message, uint32_t length)
{
    struct recording_record record = {.length = length, .time_us = time_us};
    uint8_t bytes[RECORDING_RECORD_SIZE];
    if (recording_scan_message(&made->scan, &record, message, &made->expected[made->expected_count]))
        made->expected_count++;
    recording_record_write(&record, bytes);
    assert_int_equal(write(made->fd, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(write(made->fd, message, length), length);
}

static void found(void *data, const struct recording_key *key)
{
    struct made *made = data;
    assert_true(made->found_count < KEYS_MAX);
    made->found[made->found_count++] = *key;
}

static const uint8_t hello[] = {WIRE_HELLO, 0, 0, 0}, cursor[] = {WIRE_CURSOR, 0},
                     key_frame[] = {WIRE_VIDEO_FRAME, WIRE_FLAG_KEY_FRAME, 0, 0, 1, 0, 0, 0},
                     frame[] = {WIRE_VIDEO_FRAME, 0, 0, 0, 2, 0, 0, 0}, display[] = {WIRE_DISPLAY, 0};

static void test_header(void **state)
{
    (void)state;
    struct recording_header head = header(), read;
    uint8_t bytes[RECORDING_HEADER_SIZE];
    recording_header_write(&head, bytes);
    assert_int_equal(recording_header_read(bytes, &read), 0);
    assert_true(id_equal(&head.recording, &read.recording) && id_equal(&head.account, &read.account) &&
                head.started_us == read.started_us);
    for (size_t i = 0; i < 16; i++) {
        bytes[i] ^= 1;
        assert_int_equal(recording_header_read(bytes, &read), -EPROTO);
        bytes[i] ^= 1;
    }
}

static void test_wrong_records(void **state)
{
    (void)state;
    uint8_t bytes[RECORDING_RECORD_SIZE];
    const struct recording_record wrong[] = {
        {.length = 0}, {.length = STREAM_MESSAGE_MAX + 1}, {.length = UINT32_MAX}, {.length = 1, .flags = 2}};
    struct recording_record record;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        recording_record_write(&wrong[i], bytes);
        assert_int_equal(recording_record_read(bytes, &record), -EPROTO);
    }
}

static void test_keys_are_found_again(void **state)
{
    (void)state;
    struct made made = make_file();
    add(&made, 1, key_frame, sizeof(key_frame)); // before any hello: nothing can begin there
    add(&made, 10, hello, sizeof(hello));
    add(&made, 20, key_frame, sizeof(key_frame));
    add(&made, 30, cursor, sizeof(cursor));
    add(&made, 30, frame, sizeof(frame));
    add(&made, 40, display, sizeof(display));
    add(&made, 50, key_frame, sizeof(key_frame));
    add(&made, 60, hello, sizeof(hello)); // another streamer: nothing of the first one holds
    add(&made, 70, key_frame, sizeof(key_frame));
    uint64_t end, time_us;
    assert_int_equal(recording_rebuild(made.fd, found, &made, &end, &time_us), 0);
    assert_int_equal(made.found_count, 3);
    assert_memory_equal(made.found, made.expected, 3 * sizeof(made.found[0]));
    assert_int_equal(end, made.scan.offset);
    assert_int_equal(time_us, 70);
    assert_true(made.found[1].cursor && made.found[1].display && made.found[1].hello == made.found[0].hello);
    assert_true(!made.found[2].cursor && !made.found[2].display &&
                made.found[2].hello > made.found[1].offset);
    // Wherever a crash cuts it, the records before it count.
    for (uint64_t size = end; size-- > RECORDING_HEADER_SIZE;) {
        uint64_t good;
        assert_int_equal(ftruncate(made.fd, (off_t)size), 0);
        assert_int_equal(recording_rebuild(made.fd, NULL, NULL, &good, &time_us), 0);
        assert_true(good <= size && end - good >= 1);
    }
    assert_int_equal(ftruncate(made.fd, RECORDING_HEADER_SIZE - 1), 0);
    assert_int_equal(recording_rebuild(made.fd, NULL, NULL, &end, &time_us), -EPROTO);
    close(made.fd);
}

static void test_time_never_falls(void **state)
{
    (void)state;
    struct made made = make_file();
    add(&made, 20, hello, sizeof(hello));
    uint64_t good = made.scan.offset, end, time_us;
    add(&made, 10, key_frame, sizeof(key_frame));
    assert_int_equal(recording_rebuild(made.fd, found, &made, &end, &time_us), 0);
    assert_true(end == good && time_us == 20 && made.found_count == 0);
    close(made.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_wrong_records),
        cmocka_unit_test(test_keys_are_found_again),
        cmocka_unit_test(test_time_never_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
