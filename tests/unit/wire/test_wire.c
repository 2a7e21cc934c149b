#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/limits.h"
#include "lib/wire.h"

static const char layout[56] = "\x93\0\0\0\xe\0\0\0de\0\0\0\0\0\0\0\0\0\0\0\0\0\0nodeadkeys";

static const struct {
    const char *bytes;
    size_t length;
    enum wire_kind kind;
} good[] = {
    {"\x81\0\0\0\4\3\2\1\x10\x27\0\0\2\0\0\0", 16, WIRE_ACKNOWLEDGE},
    {"\x82\0\0\0\5\0\0\0\x1e\0\1\0", 12, WIRE_KEY},
    {"\x83\0\0\0\6\0\0\0\xac\x20\0\0", 12, WIRE_TEXT},
    {"\x84\0\0\0\7\0\0\0\x40\1\xf0\0", 12, WIRE_POINTER},
    {"\x85\0\0\0\x8\0\0\0\x40\1\xf0\0\x9\1\0\0", 16, WIRE_BUTTON},
    {"\x86\0\0\0\x9\0\0\0\x40\1\xf0\0\x88\xff\x78\0", 16, WIRE_WHEEL},
    {"\x87\0\0\0\xa\0\0\0", 8, WIRE_RELEASE_ALL},
    {"\x88\0\0\0\x80\x7\x38\4\xc8\0\0\0", 12, WIRE_RESIZE},
    {"\x89\0\0\0\3\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0hello", 25, WIRE_BROWSER_CLIPBOARD},
    {"\x8a\0\0\0", 4, WIRE_REFRESH},
    {"\x8b\0\0\0\1\0\0\0", 8, WIRE_BROWSER_AUDIO},
    {"\x8c\0\0\0\1\0\0\0", 8, WIRE_MICROPHONE},
    {"\x8d\0\0\0\1", 5, WIRE_VOICE},
    {"\x90\0\0\0\xb\0\0\0\x1e\0\1\0\xe9\0\0\0", 16, WIRE_SYMBOL},
    {"\x91\0\0\0\xc\0\0\0\xfe\xff\3\0", 12, WIRE_RELATIVE},
    {"\x92\0\0\0\xd\0\0\0\1\0\0\0", 12, WIRE_LOCKS},
    {layout, sizeof(layout), WIRE_LAYOUT},
};
#define GOOD (sizeof(good) / sizeof(good[0]))

static struct browser_message decoded(size_t i)
{
    struct browser_message m;
    assert_int_equal(wire_decode_browser(good[i].bytes, good[i].length, &m), 0);
    assert_int_equal(m.kind, good[i].kind);
    return m;
}

static void every_kind_is_decoded(void **state)
{
    (void)state;
    unsigned kinds = 0;
    for (unsigned kind = 0; kind < 256; kind++)
        kinds += wire_browser_rule((uint8_t)kind) != NULL;
    assert_int_equal(GOOD, kinds);
    struct browser_message m = decoded(0);
    assert_int_equal(m.acknowledge.sequence, 0x01020304);
    assert_int_equal(m.acknowledge.decode_us, 10000);
    assert_int_equal(m.acknowledge.queued, 2);
    m = decoded(1);
    assert_true(m.input == 5 && m.key.code == 30 && m.key.down);
    m = decoded(2);
    assert_true(m.input == 6 && m.text == 0x20ac);
    m = decoded(3);
    assert_true(m.pointer.x == 320 && m.pointer.y == 240);
    m = decoded(4);
    assert_true(m.pointer.x == 320 && m.pointer.button == 9 && m.pointer.down);
    m = decoded(5);
    assert_true(m.pointer.horizontal == -120 && m.pointer.vertical == 120);
    m = decoded(6);
    assert_int_equal(m.input, 10);
    m = decoded(7);
    assert_true(m.resize.width == 1920 && m.resize.height == 1080 && m.resize.scale_percent == 200);
    m = decoded(8);
    assert_true(m.clipboard.step == WIRE_CLIPBOARD_DATA && m.clipboard.transfer == 7 &&
                m.clipboard.length == 5);
    assert_memory_equal(m.clipboard.data, "hello", 5);
    decoded(9);
    assert_true(decoded(10).audio_on);
    assert_true(decoded(11).microphone_on);
    m = decoded(12);
    assert_true(m.voice.length == 1 && m.voice.data[0] == 1);
    m = decoded(13);
    assert_true(m.input == 11 && m.symbol.code == 30 && m.symbol.shortcut && m.symbol.character == 0xe9);
    m = decoded(14);
    assert_true(m.input == 12 && m.relative.x == -2 && m.relative.y == 3);
    m = decoded(15);
    assert_true(m.input == 13 && m.locks.caps && !m.locks.num);
    m = decoded(16);
    assert_string_equal(m.layout.name, "de");
    assert_string_equal(m.layout.variant, "nodeadkeys");
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOOD; i++) {
        uint8_t bytes[64] = {0};
        memcpy(bytes, good[i].bytes, good[i].length);
        struct browser_message m;
        size_t shortest = wire_browser_rule((uint8_t)good[i].kind)->size_min;
        for (size_t length = 0; length < shortest; length++)
            assert_int_equal(wire_decode_browser(bytes, length, &m), -EPROTO);
        if (good[i].kind != WIRE_BROWSER_CLIPBOARD && good[i].kind != WIRE_VOICE)
            assert_int_equal(wire_decode_browser(bytes, good[i].length + 1, &m), -EPROTO);
    }
}

static void every_reserved_byte_is_checked(void **state)
{
    (void)state;
    static const size_t reserved[GOOD][4] = {{0}, {11},     {0},       {0},      {14, 15},    {0},
                                             {0}, {10, 11}, {5, 6, 7}, {0},      {5, 6, 7},   {5, 6, 7},
                                             {0}, {11},     {0},       {10, 11}, {12, 23, 55}};
    for (size_t i = 0; i < GOOD; i++) {
        for (size_t k = 0; k < 7; k++) {
            size_t place = k < 3 ? k + 1 : reserved[i][k - 3];
            if (place == 0)
                continue;
            uint8_t bytes[64];
            memcpy(bytes, good[i].bytes, good[i].length);
            bytes[place] = 1;
            struct browser_message m = {.input = 77};
            assert_int_equal(wire_decode_browser(bytes, good[i].length, &m), -EPROTO);
            assert_int_equal(m.input, 77); // untouched
        }
    }
}

static void what_is_out_of_range_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {
        {"\x80\0\0\0", 4},
        {"\x8c\0\0\0", 4},
        {"\1\0\0\0", 4},
        {"\x82\0\0\0\5\0\0\0\0\0\1\0", 12},
        {"\x82\0\0\0\5\0\0\0\0\1\1\0", 12},
        {"\x82\0\0\0\5\0\0\0\x1e\0\2\0", 12},
        {"\x83\0\0\0\6\0\0\0\x1b\0\0\0", 12},
        {"\x83\0\0\0\6\0\0\0\x9f\0\0\0", 12},
        {"\x83\0\0\0\6\0\0\0\0\xdc\0\0", 12},
        {"\x83\0\0\0\6\0\0\0\0\0\x11\0", 12},
        {"\x85\0\0\0\x8\0\0\0\x40\1\xf0\0\0\1\0\0", 16},
        {"\x85\0\0\0\x8\0\0\0\x40\1\xf0\0\4\1\0\0", 16},
        {"\x85\0\0\0\x8\0\0\0\x40\1\xf0\0\xa\1\0\0", 16},
        {"\x88\0\0\0\x3f\1\x38\4\xc8\0\0\0", 12},
        {"\x88\0\0\0\x80\x7\xc7\0\xc8\0\0\0", 12},
        {"\x88\0\0\0\1\x1e\x38\4\xc8\0\0\0", 12},
        {"\x88\0\0\0\x80\x7\x38\4\x31\0\0\0", 12},
        {"\x89\0\0\0\2\1\0\0", 8},                                       // too short
        {"\x89\0\0\0\1\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0", 20},              // a policy
        {"\x89\0\0\0\6\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0", 20},              // an unknown step
        {"\x89\0\0\0\3\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0", 20},              // data without data
        {"\x89\0\0\0\2\1\0\0\7\0\0\0\5\0\0\0\0\0\0\0hello", 25},         // a begin with data
        {"\x89\0\0\0\2\3\0\0\7\0\0\0\5\0\0\0\0\0\0\0", 20},              // an unknown type
        {"\x89\0\0\0\2\0\0\0\7\0\0\0\5\0\0\0\0\0\0\0", 20},              // no type
        {"\x89\0\0\0\2\1\0\0\7\0\0\0\1\0\0\4\0\0\0\0", 20},              // one byte too large
        {"\x89\0\0\0\3\0\0\0\7\0\0\0\xff\xff\xff\xff\0\0\0\0hello", 25}, // an offset that wraps
        {"\x89\0\0\0\4\0\0\0\7\0\0\0\0\0\0\0\1\0\0\0", 20},              // a second value
        {"\x8b\0\0\0\2\0\0\0", 8},
        {"\x90\0\0\0\xb\0\0\0\0\1\0\0\xe9\0\0\0", 16},
        {"\x90\0\0\0\xb\0\0\0\1\0\2\0\xe9\0\0\0", 16},
        {"\x90\0\0\0\xb\0\0\0\1\0\0\0\x1b\0\0\0", 16},
        {"\x90\0\0\0\xb\0\0\0\1\0\0\0\0\xd8\0\0", 16},
        {"\x92\0\0\0\xd\0\0\0\2\0\0\0", 12},
        {"\x92\0\0\0\xd\0\0\0\0\2\0\0", 12},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct browser_message m;
        assert_int_equal(wire_decode_browser(bad[i].bytes, bad[i].length, &m), -EPROTO);
    }
}

static void layouts_have_plain_names(void **state)
{
    (void)state;
    static const struct {
        size_t place;
        const char *bytes;
    } bad[] = {{8, "\0"},    {8, "d+e"},
               {8, "D"},     {8, "abcdefghijklmnop"},
               {11, "x"},    {24, "(x)"},
               {24, "\xc3"}, {25, "/"},
               {55, "x"},    {24, "abcdefghijklmnopabcdefghijklmnop"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char bytes[sizeof(layout)];
        memcpy(bytes, layout, sizeof(bytes));
        memcpy(bytes + bad[i].place, bad[i].bytes, bad[i].bytes[0] ? strlen(bad[i].bytes) : 1);
        struct browser_message m;
        assert_int_equal(wire_decode_browser(bytes, sizeof(bytes), &m), -EPROTO);
    }
    struct browser_message m;
    char plain[sizeof(layout)] = "\x93\0\0\0\xe\0\0\0us";
    assert_int_equal(wire_decode_browser(plain, sizeof(plain), &m), 0);
    assert_string_equal(m.layout.variant, "");
}

static void what_a_watcher_may_send(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        const struct wire_browser_rule *rule = wire_browser_rule((uint8_t)kind);
        bool known =
            (kind >= WIRE_ACKNOWLEDGE && kind <= WIRE_VOICE) || (kind >= WIRE_SYMBOL && kind <= WIRE_LAYOUT);
        assert_int_equal(rule != NULL, known);
        bool watcher = kind == WIRE_ACKNOWLEDGE || kind == WIRE_REFRESH || kind == WIRE_BROWSER_AUDIO;
        if (rule)
            assert_int_equal(rule->view_only, watcher);
    }
}

static void messages_to_the_browser(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct writer w = writer_of(bytes, sizeof(bytes));
    wire_write_hello(&w, 1920, 1080, 60, "avc1.42C028");
    assert_false(w.failed);
    assert_int_equal(w.length, 24);
    assert_memory_equal(bytes,
                        "\1\0\0\0\1\0\x80\x7\x38\4\x3c\0\xb"
                        "avc1.42C028",
                        24);

    struct wire_frame_header header = {.sequence = 1,
                                       .input = 2,
                                       .captured_us = 0x1122334455667788,
                                       .waited_us = 3,
                                       .converted_us = 4,
                                       .encoded_us = 5};
    struct rectangle r = {16, 32, 48, 64};
    w = writer_of(bytes, sizeof(bytes));
    wire_write_video_frame(&w, true, &header, 0x55, 0x66, &r, 1);
    static const char frame[] =
        "\2\1\0\0\1\0\0\0\2\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11\3\0\0\0\4\0\0\0\5\0\0\0"
        "\x55\0\x66\0\1\0\x10\0\x20\0\x30\0\x40\0";
    assert_int_equal(w.length, sizeof(frame) - 1);
    assert_memory_equal(bytes, frame, w.length);

    w = writer_of(bytes, sizeof(bytes));
    wire_write_lossless(&w, &header, r, WIRE_LOSSLESS_DEFLATED, 13);
    assert_int_equal(w.length, 4 + WIRE_FRAME_HEADER_SIZE + WIRE_RECTANGLE_SIZE + 4);
    assert_int_equal(bytes[0], WIRE_LOSSLESS_RECTANGLE);
    assert_memory_equal(bytes + 32, "\x10\0\x20\0\x30\0\x40\0\3\x0d\0\0", 12);

    w = writer_of(bytes, sizeof(bytes));
    wire_write_copy(&w, &header, &(struct copy_rectangle){7, 8, r}, 1);
    assert_int_equal(w.length, 4 + WIRE_FRAME_HEADER_SIZE + 2 + 4 + WIRE_RECTANGLE_SIZE);
    assert_int_equal(bytes[0], WIRE_COPY_RECTANGLE);
    assert_memory_equal(bytes + 32, "\1\0\7\0\x8\0\x10\0\x20\0\x30\0\x40\0", 14);

    w = writer_of(bytes, sizeof(bytes));
    wire_write_pointer_place(&w, 0x102, 0x304);
    assert_int_equal(w.length, WIRE_POINTER_PLACE_SIZE);
    assert_memory_equal(bytes, "\x0a\0\0\0\2\1\4\3", 8);
}

static void what_does_not_fit_fails(void **state)
{
    (void)state;
    uint8_t bytes[WIRE_VIDEO_FRAME_OVERHEAD_MAX];
    struct rectangle many[RECTANGLES_MAX + 1] = {{0, 0, 1, 1}};
    struct wire_frame_header header = {.sequence = 1};
    struct writer w = writer_of(bytes, sizeof(bytes));
    wire_write_video_frame(&w, false, &header, 0, 0, many, RECTANGLES_MAX);
    assert_false(w.failed);
    assert_int_equal(w.length, sizeof(bytes));
    uint8_t more[sizeof(bytes) + WIRE_RECTANGLE_SIZE];
    w = writer_of(more, sizeof(more));
    wire_write_video_frame(&w, false, &header, 0, 0, many, RECTANGLES_MAX + 1);
    assert_true(w.failed);
    w = writer_of(bytes, 23);
    wire_write_hello(&w, 1920, 1080, 60, "avc1.42C028");
    assert_true(w.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_decoded),          cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_reserved_byte_is_checked), cmocka_unit_test(what_is_out_of_range_is_refused),
        cmocka_unit_test(layouts_have_plain_names),       cmocka_unit_test(what_a_watcher_may_send),
        cmocka_unit_test(messages_to_the_browser),        cmocka_unit_test(what_does_not_fit_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
