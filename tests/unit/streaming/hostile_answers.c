// The replies and events of the hostile X server.

#include <string.h>

#include "hostile_private.h"

// Core requests that the streamer makes, and where this server puts its extensions.
enum { QUERY_EXTENSION = 98, GET_KEYBOARD_MAPPING = 101, GET_INPUT_FOCUS = 43, INTERN_ATOM = 16 };
enum { GET_PROPERTY = 20, CONVERT_SELECTION = 24, SELECTION_NOTIFY = 31, PROPERTY_NOTIFY = 28 };
enum { QUERY_POINTER = 38, QUERY_KEYMAP = 44 };
enum {
    DAMAGE_MAJOR = 140,
    FIXES_MAJOR = 141,
    TEST_MAJOR = 142,
    XKB_MAJOR = 143,
    RANDR_MAJOR = 144,
    SYNC_MAJOR
};
enum { DAMAGE_EVENT = 90, XKB_EVENT = 99, RANDR_EVENT = 105, SYNC_EVENT = 107 };
enum { XKB_USE_EXTENSION = 0, XKB_GET_STATE = 4 };
enum { RANDR_QUERY_VERSION = 0, RANDR_CREATE_MODE = 16, RANDR_GET_RESOURCES = 25 };
enum { FIXES_GET_CURSOR_IMAGE = 4, FIXES_FETCH_REGION = 19, DAMAGE_CREATE = 1 };
enum { SYNC_INITIALIZE = 0, SYNC_LIST_COUNTERS = 1, SYNC_QUERY_COUNTER = 5, SYNC_CREATE_ALARM = 8 };
enum { SYNC_ALARM_NOTIFY = SYNC_EVENT + 1 };
enum { FIXES_SELECT_SELECTION = 2, FIXES_SELECTION_NOTIFY = FIXES_EVENT };

#define FIRST_ATOM 1000u
#define REGION_MANY 600000u
#define BURST 200000u

static void send_reply(struct server *s, uint8_t data, uint32_t words, const void *fixed, size_t fixed_length)
{
    uint8_t reply[32] = {1, data};
    memcpy(reply + 2, &s->sequence, 2);
    memcpy(reply + 4, &words, 4);
    memcpy(reply + 8, fixed, fixed_length);
    hostile_send(s, reply, sizeof(reply));
}

static void send_event(struct server *s, uint8_t type)
{
    uint8_t event[32] = {type};
    memcpy(event + 2, &s->sequence, 2);
    hostile_send(s, event, sizeof(event));
}

// `length` is even.
static void send_random(struct server *s, size_t length)
{
    static uint16_t values[8192];
    while (length > 0) {
        size_t part = length < sizeof(values) ? length : sizeof(values);
        for (size_t i = 0; i < part / 2; i++)
            values[i] = (uint16_t)hostile_random(s);
        hostile_send(s, values, part);
        length -= part;
    }
}

static void answer_extension(struct server *s, const uint8_t *request)
{
    const char *name = (const char *)request + 8;
    uint8_t fixed[4] = {1, 0, 0, 128};
    if (memcmp(name, "DAMAGE", 6) == 0) {
        fixed[1] = DAMAGE_MAJOR;
        fixed[2] = DAMAGE_EVENT;
    } else if (memcmp(name, "XFIXES", 6) == 0) {
        fixed[1] = FIXES_MAJOR;
        fixed[2] = FIXES_EVENT;
    } else if (memcmp(name, "RANDR", 5) == 0) {
        fixed[0] = s->how == HOSTILE_SIZES;
        fixed[1] = RANDR_MAJOR;
        fixed[2] = RANDR_EVENT;
    } else if (memcmp(name, "SYNC", 4) == 0) {
        fixed[0] = s->how == HOSTILE_POINTER;
        fixed[1] = SYNC_MAJOR;
        fixed[2] = SYNC_EVENT;
    } else if (memcmp(name, "XKEYBOARD", 9) == 0) {
        fixed[1] = XKB_MAJOR;
        fixed[2] = XKB_EVENT;
    } else {
        fixed[1] = TEST_MAJOR;
        fixed[0] = s->how != HOSTILE_EXTENSION_MISSING;
    }
    send_reply(s, 0, 0, fixed, sizeof(fixed));
}

static void answer_keymap(struct server *s)
{
    if (s->how == HOSTILE_KEYMAP_SHORT) {
        send_reply(s, 255, 1, "", 0);
        hostile_send(s, "abcd", 4);
        return;
    }
    uint32_t count = KEYCODE_MAX - KEYCODE_MIN + 1;
    send_reply(s, 1, count, "", 0);
    for (uint32_t i = 0; i < count; i++)
        hostile_send(s, &(uint32_t){i}, 4);
}

static void answer_cursor(struct server *s)
{
    uint16_t fixed[6] = {0, 0, 4, 4, 1, 1}; // x, y, width, height, hot spot
    uint32_t pixels = 16;
    if (s->how == HOSTILE_CURSOR_LIE) {
        fixed[2] = fixed[3] = 65535;
    } else if (s->how == HOSTILE_CURSOR_LARGE) {
        fixed[2] = 1000;
        fixed[3] = 700;
        fixed[4] = fixed[5] = 65535;
        pixels = 700000;
    } else if (s->how == HOSTILE_CURSORS) {
        fixed[2] = fixed[3] = 256;
        pixels = 65536;
    }
    send_reply(s, 0, pixels, fixed, sizeof(fixed));
    send_random(s, (size_t)pixels * 4);
    if (s->how == HOSTILE_CURSORS)
        send_event(s, FIXES_CURSOR_NOTIFY);
}

// Somebody else has copied something.
static void send_owner(struct server *s)
{
    uint32_t event[8] = {FIXES_SELECTION_NOTIFY | (uint32_t)s->sequence << 16, 0, 0x300000};
    hostile_send(s, event, sizeof(event));
}

// The owner has given something, if not always where it was asked to.
static void answer_selection(struct server *s, const uint8_t *request)
{
    uint32_t asked[5]; // requestor, selection, target, property, time
    memcpy(asked, request + 4, sizeof(asked));
    uint32_t event[8] = {
        SELECTION_NOTIFY | (uint32_t)s->sequence << 16, 0, asked[0], asked[1], asked[2], asked[3]};
    if (hostile_random(s) % 8 == 0)
        event[2 + hostile_random(s) % 4] = hostile_random(s);
    hostile_send(s, event, sizeof(event));
}

static void answer_property(struct server *s)
{
    static const uint8_t formats[] = {8, 8, 8, 8, 8, 32, 16, 255};
    uint32_t words = hostile_random(s) % 2000, format = formats[hostile_random(s) % sizeof(formats)];
    if (s->asked_for == s->targets && hostile_random(s) % 8 > 0)
        format = 32;
    uint32_t type = hostile_random(s) % 2 ? FIRST_ATOM + hostile_random(s) % 8 : hostile_random(s) % 32;
    // A property's type, what is left of it, its length in its own units: as often true as not.
    uint32_t fixed[3] = {type, hostile_random(s) % 8 ? 0 : hostile_random(s),
                         words * 4 / (format / 8 ? format / 8 : 1)};
    if (hostile_random(s) % 4 == 0)
        fixed[2] = hostile_random(s) << 8;
    send_reply(s, (uint8_t)format, words, fixed, sizeof(fixed));
    for (uint32_t i = 0; i < words; i++)
        hostile_send(s, &(uint32_t){FIRST_ATOM + hostile_random(s) % 10}, 4);
    uint32_t event[8] = {PROPERTY_NOTIFY | (uint32_t)s->sequence << 16, 0x200001, s->asked_property};
    for (unsigned i = 0; i < 8; i++)
        hostile_send(s, event, sizeof(event));
    send_owner(s);
}

static void send_rectangles(struct server *s, uint32_t count)
{
    send_reply(s, 0, count * 2, "", 0);
    send_random(s, (size_t)count * 8);
}

static void answer_region(struct server *s)
{
    switch (s->how) {
    case HOSTILE_REGION_REFUSED: {
        uint8_t error[32] = {0, 1};
        memcpy(error + 2, &s->sequence, 2);
        hostile_send(s, error, sizeof(error));
        break;
    }
    case HOSTILE_REPLY_ENDLESS:
        send_reply(s, 0, UINT32_MAX, "", 0);
        hostile_stall();
        break;
    case HOSTILE_REPLY_HALF:
        send_reply(s, 0, 1000, "", 0);
        hostile_send(s, "half", 4);
        hostile_stall();
        break;
    case HOSTILE_REGION_MANY:
        send_rectangles(s, REGION_MANY);
        break;
    case HOSTILE_SIZES: {
        uint16_t event[16] = {RANDR_EVENT, s->sequence};
        event[12] = (uint16_t)hostile_random(s);
        event[13] = (uint16_t)hostile_random(s);
        hostile_send(s, event, sizeof(event));
        send_rectangles(s, 300);
        send_event(s, DAMAGE_EVENT);
        break;
    }
    default:
        send_rectangles(s, 300);
        // There is always more.
        send_event(s, DAMAGE_EVENT);
        break;
    }
}

static void answer_randr(struct server *s, uint8_t minor)
{
    if (minor == RANDR_QUERY_VERSION)
        send_reply(s, 0, 0, (uint32_t[]){1, 5}, 8);
    if (minor == RANDR_CREATE_MODE)
        send_reply(s, 0, 0, (uint32_t[]){77}, 4);
    if (minor == RANDR_GET_RESOURCES) {
        // Times, one CRTC, one output, no mode.
        send_reply(s, 0, 2, (uint16_t[]){0, 0, 0, 0, 1, 1, 0, 0}, 16);
        hostile_send(s, (uint32_t[]){70, 71}, 8);
    }
}

// More counters than there are, the last of them longer than the reply.
static void answer_counters(struct server *s)
{
    uint8_t list[64] = {9, 0, 0, 0, [12] = 16};
    memcpy(list + 14, "DEVICEIDLETIME 2", 16);
    memset(list + 32, 0xff, 32);
    send_reply(s, 0, sizeof(list) / 4, (uint32_t[]){UINT32_MAX}, 4);
    hostile_send(s, list, sizeof(list));
}

static void answer_sync(struct server *s, uint8_t minor)
{
    if (minor == SYNC_INITIALIZE)
        send_reply(s, 0, 0, (uint32_t[]){3}, 4);
    if (minor == SYNC_LIST_COUNTERS)
        answer_counters(s);
    if (minor == SYNC_QUERY_COUNTER)
        send_reply(s, 0, 0, (uint32_t[]){hostile_random(s) << 8, hostile_random(s)}, 8);
    for (unsigned i = 0; i < 100 && (minor == SYNC_QUERY_COUNTER || minor == SYNC_CREATE_ALARM); i++)
        send_event(s, SYNC_ALARM_NOTIFY);
}

static void answer_pointer(struct server *s)
{
    uint32_t fixed[4] = {0};
    if (s->how == HOSTILE_POINTER)
        fixed[2] = hostile_random(s) << 8;
    send_reply(s, 1, 0, fixed, sizeof(fixed));
}

// Many at a time: what is measured is who receives them, not who sends them.
static void send_burst(struct server *s)
{
    static uint8_t events[500][32];
    for (unsigned sent = 0; sent < BURST; sent += 500) {
        for (unsigned i = 0; i < 500; i++) {
            events[i][0] = (uint8_t)(i % 3   ? 2 + hostile_random(s) % 33
                                     : i % 2 ? DAMAGE_EVENT
                                             : FIXES_CURSOR_NOTIFY);
            memcpy(events[i] + 2, &s->sequence, 2);
        }
        hostile_send(s, events, sizeof(events));
    }
}

static void answer_fixes(struct server *s, uint8_t minor)
{
    if (minor == 0)
        send_reply(s, 0, 0, (uint32_t[]){5, 0}, 8);
    if (minor == FIXES_GET_CURSOR_IMAGE)
        answer_cursor(s);
    if (minor == FIXES_FETCH_REGION)
        answer_region(s);
    if (minor == FIXES_FETCH_REGION && s->how == HOSTILE_EVENTS)
        send_burst(s);
    if (minor == FIXES_SELECT_SELECTION && s->how == HOSTILE_SELECTION)
        send_owner(s);
}

void hostile_answer(struct server *s, const uint8_t *request)
{
    uint8_t minor = request[1];
    switch (request[0]) {
    case QUERY_EXTENSION:
        answer_extension(s, request);
        break;
    case GET_KEYBOARD_MAPPING:
        answer_keymap(s);
        break;
    case GET_INPUT_FOCUS:
        send_reply(s, 0, 0, "", 0);
        break;
    case INTERN_ATOM:
        if (memcmp(request + 8, "TARGETS", 7) == 0)
            s->targets = FIRST_ATOM + s->atoms;
        send_reply(s, 0, 0, (uint32_t[]){FIRST_ATOM + s->atoms++}, 4);
        break;
    case CONVERT_SELECTION:
        answer_selection(s, request);
        break;
    case GET_PROPERTY:
        answer_property(s);
        break;
    case QUERY_POINTER:
        answer_pointer(s);
        break;
    case SYNC_MAJOR:
        answer_sync(s, minor);
        break;
    case QUERY_KEYMAP:
        send_reply(s, 0, 2, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10);
        send_random(s, 8);
        break;
    case XKB_MAJOR:
        if (minor == XKB_USE_EXTENSION)
            send_reply(s, s->how != HOSTILE_XKB_REFUSED, 0, "", 0);
        if (minor == XKB_GET_STATE)
            send_reply(s, 3, 0, "\xff\xff\xff\xff\xff\xff", 6); // all modifiers locked, group 255
        break;
    case DAMAGE_MAJOR:
        if (minor == 0)
            send_reply(s, 0, 0, (uint32_t[]){1, 1}, 8);
        if (minor == DAMAGE_CREATE)
            send_event(s, DAMAGE_EVENT);
        s->flooding |= minor == DAMAGE_CREATE && s->how == HOSTILE_FLOOD;
        break;
    case FIXES_MAJOR:
        answer_fixes(s, minor);
        break;
    case RANDR_MAJOR:
        answer_randr(s, minor);
        break;
    case TEST_MAJOR:
        if (minor == 0)
            send_reply(s, 2, 0, (uint32_t[]){2}, 4);
        break;
    default:
        break;
    }
}
