#include "lib/wire.h"

#include <errno.h>
#include <string.h>

#include "lib/limits.h"

static const struct wire_browser_rule browser_rules[] = {
    [WIRE_ACKNOWLEDGE - WIRE_ACKNOWLEDGE] = {16, 16, false, true},
    [WIRE_KEY - WIRE_ACKNOWLEDGE] = {12, 12, true, false},
    [WIRE_TEXT - WIRE_ACKNOWLEDGE] = {12, 12, true, false},
    [WIRE_POINTER - WIRE_ACKNOWLEDGE] = {12, 12, true, false},
    [WIRE_BUTTON - WIRE_ACKNOWLEDGE] = {16, 16, true, false},
    [WIRE_WHEEL - WIRE_ACKNOWLEDGE] = {16, 16, true, false},
    [WIRE_RELEASE_ALL - WIRE_ACKNOWLEDGE] = {8, 8, false, false},
    [WIRE_RESIZE - WIRE_ACKNOWLEDGE] = {12, 12, false, false},
    [WIRE_BROWSER_CLIPBOARD - WIRE_ACKNOWLEDGE] = {WIRE_CLIPBOARD_HEADER, CLIPBOARD_MESSAGE_MAX, true, false},
    [WIRE_REFRESH - WIRE_ACKNOWLEDGE] = {4, 4, false, true},
    [WIRE_BROWSER_AUDIO - WIRE_ACKNOWLEDGE] = {8, 8, false, true},
    [WIRE_MICROPHONE - WIRE_ACKNOWLEDGE] = {8, 8, true, false},
    // Noise is no sign of a person.
    [WIRE_VOICE - WIRE_ACKNOWLEDGE] = {5, 4 + VOICE_PACKET_MAX, false, false},
    [WIRE_SYMBOL - WIRE_ACKNOWLEDGE] = {16, 16, true, false},
    [WIRE_RELATIVE - WIRE_ACKNOWLEDGE] = {12, 12, true, false},
    [WIRE_LOCKS - WIRE_ACKNOWLEDGE] = {12, 12, false, false},
    [WIRE_LAYOUT - WIRE_ACKNOWLEDGE] = {56, 56, false, false},
};

const struct wire_browser_rule *wire_browser_rule(uint8_t kind)
{
    if (kind < WIRE_ACKNOWLEDGE || kind > WIRE_LAYOUT)
        return NULL;
    const struct wire_browser_rule *rule = &browser_rules[kind - WIRE_ACKNOWLEDGE];
    return rule->size_max > 0 ? rule : NULL; // some numbers are not given away yet
}

static bool read_flag(struct reader *r)
{
    uint8_t value = read_u8(r);
    if (value > 1)
        r->failed = true;
    return value == 1;
}

static void read_zeros(struct reader *r, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (read_u8(r) != 0)
            r->failed = true;
    }
}

static void read_key(struct reader *r, struct browser_message *m)
{
    m->input = read_u32(r);
    m->key.code = read_u16(r);
    m->key.down = read_flag(r);
    read_zeros(r, 1);
    if (m->key.code < 1 || m->key.code > 255)
        r->failed = true;
}

static uint32_t read_character(struct reader *r)
{
    uint32_t character = read_u32(r);
    bool control = character < 0x20 || (character >= 0x7f && character < 0xa0);
    bool surrogate = character >= 0xd800 && character < 0xe000;
    if (control || surrogate || character > 0x10ffff)
        r->failed = true;
    return character;
}

static void read_symbol(struct reader *r, struct browser_message *m)
{
    m->input = read_u32(r);
    m->symbol.code = read_u16(r);
    m->symbol.shortcut = read_flag(r);
    read_zeros(r, 1);
    m->symbol.character = read_character(r);
    if (m->symbol.code > 255)
        r->failed = true;
}

static void read_relative(struct reader *r, struct browser_message *m)
{
    m->input = read_u32(r);
    m->relative.x = (int16_t)read_u16(r);
    m->relative.y = (int16_t)read_u16(r);
}

static void read_locks(struct reader *r, struct browser_message *m)
{
    m->input = read_u32(r);
    m->locks.caps = read_flag(r);
    m->locks.num = read_flag(r);
    read_zeros(r, 2);
}

// A name that may stand in an X keyboard description; no other byte gets there.
static void read_layout_name(struct reader *r, char *name, size_t size, bool required)
{
    const uint8_t *bytes = read_bytes(r, size);
    if (!bytes)
        return;
    memcpy(name, bytes, size);
    size_t length = strnlen(name, size);
    if (length == size || (required && length == 0))
        r->failed = true;
    for (size_t i = 0; i < size; i++) {
        bool fits = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
                    name[i] == '_' || name[i] == '-';
        if (i < length ? !fits : name[i] != 0)
            r->failed = true;
    }
}

static void read_layout(struct reader *r, struct browser_message *m)
{
    m->input = read_u32(r);
    read_layout_name(r, m->layout.name, sizeof(m->layout.name), true);
    read_layout_name(r, m->layout.variant, sizeof(m->layout.variant), false);
}

static void read_pointer(struct reader *r, struct browser_message *m)
{
    m->input = read_u32(r);
    m->pointer.x = read_u16(r);
    m->pointer.y = read_u16(r);
}

static void read_button(struct reader *r, struct browser_message *m)
{
    read_pointer(r, m);
    m->pointer.button = read_u8(r);
    m->pointer.down = read_flag(r);
    read_zeros(r, 2);
    uint8_t button = m->pointer.button;
    if (!((button >= 1 && button <= 3) || button == 8 || button == 9))
        r->failed = true;
}

static void read_wheel(struct reader *r, struct browser_message *m)
{
    read_pointer(r, m);
    m->pointer.horizontal = (int16_t)read_u16(r);
    m->pointer.vertical = (int16_t)read_u16(r);
}

static void read_resize(struct reader *r, struct browser_message *m)
{
    m->resize.width = read_u16(r);
    m->resize.height = read_u16(r);
    m->resize.scale_percent = read_u16(r);
    read_zeros(r, 2);
    if (m->resize.width < DISPLAY_WIDTH_MIN || m->resize.width > DISPLAY_WIDTH_MAX ||
        m->resize.height < DISPLAY_HEIGHT_MIN || m->resize.height > DISPLAY_HEIGHT_MAX ||
        m->resize.scale_percent < 50 || m->resize.scale_percent > 400)
        r->failed = true;
}

static void read_clipboard(struct reader *r, struct browser_message *m)
{
    struct wire_clipboard *c = &m->clipboard;
    c->step = read_u8(r);
    c->type = read_u8(r);
    read_zeros(r, 2);
    c->transfer = read_u32(r);
    c->value = read_u32(r);
    c->value2 = read_u32(r);
    c->length = r->left;
    c->data = read_bytes(r, r->left);
    bool begins = c->step == WIRE_CLIPBOARD_BEGIN, has_data = c->step == WIRE_CLIPBOARD_DATA;
    if (c->step < WIRE_CLIPBOARD_BEGIN || c->step > WIRE_CLIPBOARD_REFUSED || c->value2 != 0 ||
        has_data != (c->length > 0) || begins != (c->type != 0) || c->type > WIRE_CLIPBOARD_PNG)
        r->failed = true;
    if ((begins && c->value > CLIPBOARD_MAX) ||
        (has_data && (c->value > CLIPBOARD_MAX || c->length > CLIPBOARD_MAX - c->value)))
        r->failed = true;
}

static void read_body(struct reader *r, struct browser_message *m)
{
    switch (m->kind) {
    case WIRE_ACKNOWLEDGE:
        m->acknowledge.sequence = read_u32(r);
        m->acknowledge.decode_us = read_u32(r);
        m->acknowledge.queued = read_u32(r);
        break;
    case WIRE_KEY:
        read_key(r, m);
        break;
    case WIRE_TEXT:
        m->input = read_u32(r);
        m->text = read_character(r);
        break;
    case WIRE_POINTER:
        read_pointer(r, m);
        break;
    case WIRE_BUTTON:
        read_button(r, m);
        break;
    case WIRE_WHEEL:
        read_wheel(r, m);
        break;
    case WIRE_RELEASE_ALL:
        m->input = read_u32(r);
        break;
    case WIRE_RESIZE:
        read_resize(r, m);
        break;
    case WIRE_BROWSER_CLIPBOARD:
        read_clipboard(r, m);
        break;
    case WIRE_BROWSER_AUDIO:
        m->audio_on = read_flag(r);
        read_zeros(r, 3);
        break;
    case WIRE_MICROPHONE:
        m->microphone_on = read_flag(r);
        read_zeros(r, 3);
        break;
    case WIRE_VOICE:
        m->voice.length = r->left;
        m->voice.data = read_bytes(r, r->left);
        break;
    case WIRE_SYMBOL:
        read_symbol(r, m);
        break;
    case WIRE_RELATIVE:
        read_relative(r, m);
        break;
    case WIRE_LOCKS:
        read_locks(r, m);
        break;
    case WIRE_LAYOUT:
        read_layout(r, m);
        break;
    default: // WIRE_REFRESH has no body
        break;
    }
}

int wire_decode_browser(const void *data, size_t length, struct browser_message *ret_message)
{
    struct reader r = reader_of(data, length);
    struct browser_message message = {.kind = read_u8(&r)};
    const struct wire_browser_rule *rule = wire_browser_rule((uint8_t)message.kind);
    if (!rule || length < rule->size_min || length > rule->size_max)
        return -EPROTO;
    read_zeros(&r, 3);
    read_body(&r, &message);
    if (!reader_done(&r))
        return -EPROTO;
    *ret_message = message;
    return 0;
}

static void write_start(struct writer *w, enum wire_kind kind, uint8_t flags)
{
    write_u8(w, (uint8_t)kind);
    write_u8(w, flags);
    write_u16(w, 0);
}

static void write_frame_header(struct writer *w, const struct wire_frame_header *header)
{
    write_u32(w, header->sequence);
    write_u32(w, header->input);
    write_u64(w, header->captured_us);
    write_u32(w, header->waited_us);
    write_u32(w, header->converted_us);
    write_u32(w, header->encoded_us);
}

static void write_rectangle(struct writer *w, struct rectangle rectangle)
{
    write_u16(w, rectangle.x);
    write_u16(w, rectangle.y);
    write_u16(w, rectangle.width);
    write_u16(w, rectangle.height);
}

static void write_codec(struct writer *w, const char *codec)
{
    size_t length = strlen(codec);
    write_u8(w, (uint8_t)length);
    write_bytes(w, codec, length);
    if (length > UINT8_MAX)
        w->failed = true;
}

void wire_write_hello(struct writer *w, uint16_t width, uint16_t height, uint16_t framerate,
                      const char *codec)
{
    write_start(w, WIRE_HELLO, 0);
    write_u16(w, WIRE_VERSION);
    write_u16(w, width);
    write_u16(w, height);
    write_u16(w, framerate);
    write_codec(w, codec);
}

void wire_write_video_frame(struct writer *w, bool key_frame, const struct wire_frame_header *header,
                            uint16_t x, uint16_t y, const struct rectangle *rectangles, size_t count)
{
    write_start(w, WIRE_VIDEO_FRAME, key_frame ? WIRE_FLAG_KEY_FRAME : 0);
    write_frame_header(w, header);
    write_u16(w, x);
    write_u16(w, y);
    write_u16(w, (uint16_t)count);
    for (size_t i = 0; i < count; i++)
        write_rectangle(w, rectangles[i]);
    if (count > RECTANGLES_MAX)
        w->failed = true;
}

void wire_write_lossless(struct writer *w, const struct wire_frame_header *header, struct rectangle rectangle,
                         enum wire_lossless encoding, uint8_t band)
{
    write_start(w, WIRE_LOSSLESS_RECTANGLE, 0);
    write_frame_header(w, header);
    write_rectangle(w, rectangle);
    write_u8(w, (uint8_t)encoding);
    write_u8(w, band);
    write_u16(w, 0);
}

void wire_write_copy(struct writer *w, const struct wire_frame_header *header,
                     const struct copy_rectangle *copies, size_t count)
{
    write_start(w, WIRE_COPY_RECTANGLE, 0);
    write_frame_header(w, header);
    write_u16(w, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        write_u16(w, copies[i].source_x);
        write_u16(w, copies[i].source_y);
        write_rectangle(w, copies[i].target);
    }
    if (count < 1 || count > RECTANGLES_MAX)
        w->failed = true;
}

void wire_write_cursor(struct writer *w, uint16_t width, uint16_t height, uint16_t hot_x, uint16_t hot_y)
{
    write_start(w, WIRE_CURSOR, 0);
    write_u16(w, width);
    write_u16(w, height);
    write_u16(w, hot_x);
    write_u16(w, hot_y);
}

void wire_write_pointer_place(struct writer *w, uint16_t x, uint16_t y)
{
    write_start(w, WIRE_POINTER_PLACE, 0);
    write_u16(w, x);
    write_u16(w, y);
}

void wire_write_audio(struct writer *w, uint64_t captured_us)
{
    write_start(w, WIRE_AUDIO, 0);
    write_u64(w, captured_us);
}

void wire_write_display(struct writer *w, uint16_t width, uint16_t height, const char *codec)
{
    write_start(w, WIRE_DISPLAY, 0);
    write_u16(w, width);
    write_u16(w, height);
    write_codec(w, codec);
}

void wire_write_clipboard(struct writer *w, const struct wire_clipboard *clipboard)
{
    write_start(w, WIRE_CLIPBOARD, 0);
    write_u8(w, (uint8_t)clipboard->step);
    write_u8(w, (uint8_t)clipboard->type);
    write_u16(w, 0);
    write_u32(w, clipboard->transfer);
    write_u32(w, clipboard->value);
    write_u32(w, clipboard->value2);
    write_bytes(w, clipboard->data, clipboard->length);
}

void wire_write_statistics(struct writer *w, const struct wire_statistics *statistics)
{
    write_start(w, WIRE_STATISTICS, 0);
    write_u32(w, statistics->captured);
    write_u32(w, statistics->encoded);
    write_u32(w, statistics->skipped);
    write_u32(w, statistics->sent_kib);
    write_u32(w, statistics->encode_p50_us);
    write_u32(w, statistics->encode_p95_us);
    write_u32(w, statistics->quantizer);
    write_u32(w, statistics->rate_kbps);
    write_u32(w, statistics->round_trip_us);
    write_u32(w, statistics->queue_us);
    write_u32(w, statistics->interval_us);
}
