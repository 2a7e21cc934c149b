// What a recording holds stands where the streamer's clock has it, and a clock that is wrong changes little.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "export/moments.h"
#include "lib/bytes.h"
#include "lib/wire.h"

#define MESSAGE 32

static const uint8_t *message_of(enum wire_kind kind, uint64_t captured_us)
{
    static uint8_t message[MESSAGE];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, kind);
    if (kind != WIRE_AUDIO)
        write_u64(&w, 0);
    write_u64(&w, captured_us);
    return message;
}

static void learn(struct moments *moments, uint64_t record_us, enum wire_kind kind, uint64_t captured_us)
{
    moments_learn(moments, record_us, message_of(kind, captured_us), MESSAGE);
}

static uint64_t when(const struct moments *moments, uint64_t record_us, enum wire_kind kind,
                     uint64_t captured_us)
{
    return moments_of(moments, record_us, message_of(kind, captured_us), MESSAGE);
}

static void what_was_late_stands_where_it_was(void **state)
{
    (void)state;
    struct moments m = {0};
    assert_int_equal(when(&m, 700, WIRE_AUDIO, 5), 700);
    learn(&m, 30000, WIRE_VIDEO_FRAME, 5000000);
    learn(&m, 41000, WIRE_AUDIO, 5040000);
    learn(&m, 50000, WIRE_STATISTICS, 9000000);
    learn(&m, 90000, WIRE_COPY_RECTANGLE, 5060000);
    assert_int_equal(when(&m, 30000, WIRE_VIDEO_FRAME, 5000000), 1000);
    assert_int_equal(when(&m, 41000, WIRE_AUDIO, 5040000), 41000);
    assert_int_equal(when(&m, 90000, WIRE_COPY_RECTANGLE, 5060000), 61000);
    assert_int_equal(when(&m, 95000, WIRE_CURSOR, 5060000), 95000);
    assert_int_equal(moments_of(&m, 99, message_of(WIRE_AUDIO, 5000000), 11), 99);
}

static void clocks_that_are_wrong_are_not_followed(void **state)
{
    (void)state;
    struct moments m = {0};
    learn(&m, 10000, WIRE_AUDIO, UINT64_MAX);
    assert_false(m.known);
    learn(&m, UINT64_MAX, WIRE_AUDIO, 0);
    assert_false(m.known);
    learn(&m, 10000, WIRE_AUDIO, UINT64_C(1) << 62);
    learn(&m, 20000, WIRE_VIDEO_FRAME, 5000);
    assert_int_equal(when(&m, 20000, WIRE_VIDEO_FRAME, 5000), 20000);
    m = (struct moments){0};
    learn(&m, 10000, WIRE_VIDEO_FRAME, 5000000);
    assert_int_equal(when(&m, 20000, WIRE_VIDEO_FRAME, 0), 20000);
    assert_int_equal(when(&m, 9000, WIRE_VIDEO_FRAME, 6000000), 9000);
    assert_int_equal(when(&m, UINT64_MAX, WIRE_VIDEO_FRAME, 6000000), UINT64_MAX);
    assert_int_equal(when(&m, 5, WIRE_VIDEO_FRAME, 4989990), 5); // before the recording
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_late_stands_where_it_was),
        cmocka_unit_test(clocks_that_are_wrong_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
