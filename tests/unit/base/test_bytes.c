#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/bytes.h"

static void test_round_trip(void **state)
{
    (void)state;
    uint8_t buffer[15];
    struct writer w = writer_of(buffer, sizeof(buffer));
    write_u8(&w, 0x01);
    write_u16(&w, 0x2345);
    write_u32(&w, 0x6789abcd);
    write_u64(&w, 0x1122334455667788);
    assert_false(w.failed);
    assert_int_equal(w.length, sizeof(buffer));
    assert_int_equal(buffer[1], 0x45); // little endian

    struct reader r = reader_of(buffer, sizeof(buffer));
    assert_int_equal(read_u8(&r), 0x01);
    assert_int_equal(read_u16(&r), 0x2345);
    assert_int_equal(read_u32(&r), 0x6789abcd);
    assert_false(reader_done(&r));
    assert_true(read_u64(&r) == 0x1122334455667788);
    assert_true(reader_done(&r));
}

static void test_reading_past_the_end_fails_and_stays_failed(void **state)
{
    (void)state;
    const uint8_t data[3] = {1, 2, 3};
    struct reader r = reader_of(data, sizeof(data));
    assert_int_equal(read_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(read_u8(&r), 0);
    assert_null(read_bytes(&r, 0));
    assert_false(reader_done(&r));
}

static void test_writing_past_the_end_fails_and_writes_nothing(void **state)
{
    (void)state;
    uint8_t buffer[4] = {0};
    struct writer w = writer_of(buffer, 3);
    write_u32(&w, 0xffffffff);
    write_u8(&w, 0xff);
    assert_true(w.failed);
    assert_int_equal(w.length, 0);
    for (size_t i = 0; i < sizeof(buffer); i++)
        assert_int_equal(buffer[i], 0);
}

static void test_borrowed_bytes_are_bounded(void **state)
{
    (void)state;
    const uint8_t data[4] = {1, 2, 3, 4};
    struct reader r = reader_of(data, sizeof(data));
    assert_ptr_equal(read_bytes(&r, 4), data);
    assert_true(reader_done(&r));
    r = reader_of(data, sizeof(data));
    assert_null(read_bytes(&r, SIZE_MAX));
    assert_true(r.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_reading_past_the_end_fails_and_stays_failed),
        cmocka_unit_test(test_writing_past_the_end_fails_and_writes_nothing),
        cmocka_unit_test(test_borrowed_bytes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
