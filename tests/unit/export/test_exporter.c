// Recordings whose times are wrong: the film ends where it would get longer than any recording.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "export/exporter.h"
#include "lib/recording.h"

#define RECORDING_BYTES_MAX 65536
#define LATER_US (UINT64_C(400) * 24 * 3600 * 1000000)
#define SECONDS 60u // for all of it: one film that does not end takes hours

static int ignore(void *data, unsigned permille)
{
    (void)data, (void)permille;
    return 0;
}

// All records from number `first` on come later. How many there are.
static unsigned delay(uint8_t *bytes, size_t length, unsigned first)
{
    unsigned count = 0;
    for (size_t at = RECORDING_HEADER_SIZE; at + RECORDING_RECORD_SIZE <= length; count++) {
        struct recording_record record;
        assert_int_equal(recording_record_read(bytes + at, &record), 0);
        record.time_us += count >= first ? LATER_US : 0;
        recording_record_write(&record, bytes + at);
        at += RECORDING_RECORD_SIZE + record.length;
    }
    return count;
}

static void test_times_too_late(void **state)
{
    (void)state;
    alarm(SECONDS);
    unsigned count = 1;
    for (unsigned first = 0; first < count; first++) {
        uint8_t bytes[RECORDING_BYTES_MAX];
        int source = open(CORPUS "/stream", O_RDONLY | O_CLOEXEC);
        int recording = memfd_create("recording", MFD_CLOEXEC), film = memfd_create("film", MFD_CLOEXEC);
        ssize_t length = read(source, bytes, sizeof(bytes));
        assert_true(length > 0);
        count = delay(bytes, (size_t)length, first);
        assert_true(write(recording, bytes, (size_t)length) == length);
        struct exporter_outcome outcome;
        (void)exporter_run(recording, film, ignore, NULL, &outcome);
        close(source);
        close(recording);
        close(film);
    }
    assert_true(count > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_times_too_late)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
