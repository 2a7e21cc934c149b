// The clipboard, between a real X server with programs that own and paste, honest and not, and a browser that is honest or not.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "scene.h"
#include "streaming/clipboard.h"

#define MEGABYTE (1u << 20)
static const char png_head[8] = "\x89PNG\r\n\x1a\n";

enum manner { HONEST, IN_STEPS, ENDLESS, SILENT, DIES, NO_TARGETS };

// A program of the sandbox that has copied something, or pastes; and the browser's clipboard.
struct desk {
    struct scene *scene;
    xcb_window_t window;
    enum manner manner;
    const char *target; // that it gives
    const uint8_t *bytes;
    size_t length, given;
    xcb_window_t requestor; // being served in steps
    xcb_atom_t property;
    unsigned requests;
    uint8_t *browser; // what the browser has got
    size_t browser_length, browser_total;
    unsigned browser_type, begun, refused, taken_messages;
    uint32_t taken;
    bool quiet; // the browser takes nothing
};

static xcb_atom_t atom(struct desk *d, const char *name)
{
    AUTO_FREE xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(
        d->scene->rig.drawer, xcb_intern_atom(d->scene->rig.drawer, 0, (uint16_t)strlen(name), name), NULL);
    return reply->atom;
}

static void desk_open(struct desk *d, struct scene *s)
{
    *d = (struct desk){.scene = s, .target = "UTF8_STRING", .window = xcb_generate_id(s->rig.drawer)};
    uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
    xcb_create_window(s->rig.drawer, 0, d->window, s->rig.screen->root, 0, 0, 1, 1, 0,
                      XCB_WINDOW_CLASS_INPUT_ONLY, 0, XCB_CW_EVENT_MASK, &events);
    d->browser = malloc(CLIPBOARD_MAX);
    scene_open(s);
}

static void own(struct desk *d, const void *bytes, size_t length)
{
    d->bytes = bytes;
    d->length = length;
    d->requestor = XCB_NONE;
    xcb_set_selection_owner(d->scene->rig.drawer, d->window, atom(d, "CLIPBOARD"), XCB_CURRENT_TIME);
    xcb_flush(d->scene->rig.drawer);
}

static void answer(struct desk *d, const xcb_selection_request_event_t *r)
{
    xcb_connection_t *x = d->scene->rig.drawer;
    d->requests++;
    xcb_selection_notify_event_t notify = {.response_type = XCB_SELECTION_NOTIFY,
                                           .requestor = r->requestor,
                                           .selection = r->selection,
                                           .target = r->target,
                                           .property = r->property};
    xcb_atom_t target = atom(d, d->target);
    uint32_t length = (uint32_t)d->length;
    if (d->manner == SILENT)
        return;
    if (r->target == atom(d, "TARGETS") && d->manner != NO_TARGETS) {
        uint32_t targets[] = {atom(d, "TARGETS"), target};
        xcb_change_property(x, XCB_PROP_MODE_REPLACE, r->requestor, r->property, XCB_ATOM_ATOM, 32, 2,
                            targets);
    } else if (r->target != target) {
        notify.property = XCB_NONE;
    } else if (d->manner == IN_STEPS || d->manner == ENDLESS || d->manner == DIES) {
        d->requestor = r->requestor;
        d->property = r->property;
        d->given = 0;
        uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
        xcb_change_window_attributes(x, r->requestor, XCB_CW_EVENT_MASK, &events);
        xcb_change_property(x, XCB_PROP_MODE_REPLACE, r->requestor, r->property, atom(d, "INCR"), 32, 1,
                            &length);
    } else {
        xcb_change_property(x, XCB_PROP_MODE_REPLACE, r->requestor, r->property, target, 8, length, d->bytes);
    }
    xcb_send_event(x, 0, r->requestor, 0, (const char *)&notify);
}

static void next_step(struct desk *d)
{
    size_t left = d->length - d->given, part = left < 200000 ? left : 200000;
    if (d->manner == ENDLESS)
        part = 200000;
    if (d->manner == DIES && d->given > 0)
        return;
    xcb_change_property(d->scene->rig.drawer, XCB_PROP_MODE_REPLACE, d->requestor, d->property,
                        atom(d, d->target), 8, (uint32_t)part,
                        d->bytes + (d->manner == ENDLESS ? 0 : d->given));
    d->given += part;
}

static void serve(struct desk *d)
{
    xcb_generic_event_t *event;
    while ((event = xcb_poll_for_event(d->scene->rig.drawer))) {
        const xcb_property_notify_event_t *property = (const void *)event;
        if ((event->response_type & 0x7f) == XCB_SELECTION_REQUEST)
            answer(d, (const void *)event);
        else if ((event->response_type & 0x7f) == XCB_PROPERTY_NOTIFY &&
                 property->state == XCB_PROPERTY_DELETE && property->window == d->requestor)
            next_step(d);
        free(event);
    }
    xcb_flush(d->scene->rig.drawer);
}

static void send_clipboard(struct desk *d, unsigned step, unsigned type, uint32_t transfer, uint32_t value,
                           const void *data, size_t length)
{
    static uint8_t message[CLIPBOARD_MESSAGE_MAX];
    struct writer w = writer_of(message, sizeof(message));
    write_u32(&w, WIRE_BROWSER_CLIPBOARD);
    write_u8(&w, (uint8_t)step);
    write_u8(&w, (uint8_t)type);
    write_u16(&w, 0);
    write_u32(&w, transfer);
    write_u32(&w, value);
    write_u32(&w, 0);
    write_bytes(&w, data, length);
    assert_false(w.failed);
    rig_send(&d->scene->rig, message, w.length);
}

static void take(struct desk *d, const uint8_t *message, size_t size)
{
    struct reader r = reader_of(message, size);
    read_bytes(&r, 4);
    unsigned step = read_u8(&r), type = read_u8(&r);
    read_u16(&r);
    uint32_t transfer = read_u32(&r), value = read_u32(&r);
    read_u32(&r);
    switch (step) {
    case WIRE_CLIPBOARD_BEGIN:
        d->browser_type = type;
        d->browser_total = value;
        d->browser_length = 0;
        d->begun++;
        assert_true(value <= CLIPBOARD_MAX);
        break;
    case WIRE_CLIPBOARD_DATA:
        assert_true(size <= CLIPBOARD_MESSAGE_MAX && value == d->browser_length && r.left > 0 &&
                    value + r.left <= d->browser_total);
        memcpy(d->browser + value, r.data, r.left);
        d->browser_length += r.left;
        if (!d->quiet)
            send_clipboard(d, WIRE_CLIPBOARD_TAKEN, 0, transfer, (uint32_t)d->browser_length, NULL, 0);
        break;
    case WIRE_CLIPBOARD_TAKEN:
        d->taken = value;
        d->taken_messages++;
        break;
    case WIRE_CLIPBOARD_REFUSED:
        d->refused++;
        break;
    default:
        break;
    }
}

// One moment of both sides. false when nothing came from the stream in it.
static bool step(struct desk *d, int timeout_ms)
{
    static uint8_t message[STREAM_MESSAGE_MAX];
    serve(d);
    ssize_t length = rig_receive(&d->scene->rig, message, sizeof(message), timeout_ms);
    assert_true(length != 0);
    if (length < 0)
        return false;
    if (message[0] == WIRE_CLIPBOARD)
        take(d, message, (size_t)length);
    else if (canvas_apply(&d->scene->canvas, message, (size_t)length))
        scene_acknowledge(d->scene);
    return true;
}

#define WAIT_FOR(condition)                                                                                  \
    for (unsigned waited_ = 0; !(condition);) {                                                              \
        if (!step(d, 5))                                                                                     \
            waited_++;                                                                                       \
        if (waited_ > RIG_PATIENCE_MS / 5)                                                                   \
            fail_msg("no %s", #condition);                                                                   \
    }

static bool browser_has(const struct desk *d, const void *bytes, size_t length)
{
    return d->browser_length == length && d->browser_total == length &&
           memcmp(d->browser, bytes, length) == 0;
}

static uint8_t *make_bytes(size_t length)
{
    uint8_t *bytes = malloc(length);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)('a' + i * 7 % 26);
    return bytes;
}

static void copied_text_reaches_the_browser(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    own(d, "gr\xc3\xbc\xc3\x9f dich", 11);
    WAIT_FOR(browser_has(d, "gr\xc3\xbc\xc3\x9f dich", 11));
    assert_int_equal(d->browser_type, WIRE_CLIPBOARD_TEXT);
    d->manner = NO_TARGETS;
    own(d, "old program", 11);
    WAIT_FOR(browser_has(d, "old program", 11));
    d->manner = HONEST;
    d->target = "STRING";
    own(d, "caf\xe9", 4);
    WAIT_FOR(browser_has(d, "caf\xc3\xa9", 5));
    d->target = "image/png";
    own(d, png_head, 8);
    own(d, "\x89PNG\r\n\x1a\nbody", 12);
    WAIT_FOR(browser_has(d, "\x89PNG\r\n\x1a\nbody", 12));
    assert_int_equal(d->browser_type, WIRE_CLIPBOARD_PNG);
    free(d->browser);
}

static void large_copies_arrive_whole(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    size_t length = 6 * MEGABYTE + 12345;
    AUTO_FREE uint8_t *bytes = make_bytes(length);
    d->manner = IN_STEPS;
    own(d, bytes, length);
    WAIT_FOR(browser_has(d, bytes, length));
    // A picture does not wait for a clipboard.
    own(d, bytes, length);
    WAIT_FOR(d->begun == 2 && d->browser_length > 100000);
    size_t before = d->browser_length;
    rig_fill(&d->scene->rig, 0x123456, 5, 5, 10, 10);
    uint32_t sequence = d->scene->canvas.sequence;
    WAIT_FOR(d->scene->canvas.sequence > sequence);
    assert_true(d->browser_length - before <= 2 * CLIPBOARD_WINDOW_MAX + CLIPBOARD_PIECE);
    WAIT_FOR(browser_has(d, bytes, length));
    free(d->browser);
}

static void a_browser_that_takes_nothing_gets_little(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    AUTO_FREE uint8_t *bytes = make_bytes(MEGABYTE);
    d->quiet = true;
    d->manner = IN_STEPS;
    own(d, bytes, MEGABYTE);
    WAIT_FOR(d->begun == 1);
    for (unsigned i = 0; i < 50; i++)
        step(d, 5);
    assert_int_equal(d->browser_length, CLIPBOARD_PIECE);
    d->quiet = false;
    d->manner = HONEST;
    own(d, "next", 4);
    WAIT_FOR(browser_has(d, "next", 4));
    free(d->browser);
}

static void hostile_owners_are_given_up(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    AUTO_FREE uint8_t *bytes = make_bytes(33 * MEGABYTE);
    d->manner = ENDLESS;
    own(d, bytes, 200000);
    WAIT_FOR(d->refused == 1);
    assert_int_equal(d->begun, 0);
    d->manner = DIES;
    own(d, bytes, 2 * MEGABYTE);
    WAIT_FOR(d->given > 0);
    // Given up after CLIPBOARD_STEP_US, and so is one that never answers.
    d->manner = SILENT;
    unsigned requests = d->requests;
    own(d, bytes, 100);
    WAIT_FOR(d->requests > requests);
    d->manner = HONEST;
    d->target = "image/png";
    own(d, "no picture at all", 17);
    requests = d->requests;
    WAIT_FOR(d->requests >= requests + 2);
    d->target = "UTF8_STRING";
    own(d, "", 0);
    own(d, "alive", 5);
    WAIT_FOR(browser_has(d, "alive", 5));
    assert_int_equal(d->begun, 1);
    free(d->browser);
}

static void a_storm_of_owners_is_bounded(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    for (unsigned i = 0; i < 20000; i++)
        xcb_set_selection_owner(d->scene->rig.drawer, d->window, atom(d, "CLIPBOARD"), XCB_CURRENT_TIME);
    own(d, "last", 4);
    WAIT_FOR(browser_has(d, "last", 4));
    assert_true(d->requests < 500);
    free(d->browser);
}

// Gives the browser's clipboard, in pieces.
static void give(struct desk *d, unsigned type, uint32_t transfer, const void *bytes, size_t length)
{
    send_clipboard(d, WIRE_CLIPBOARD_BEGIN, type, transfer, (uint32_t)length, NULL, 0);
    for (size_t sent = 0; sent < length;) {
        size_t part = length - sent < 60000 ? length - sent : 60000;
        send_clipboard(d, WIRE_CLIPBOARD_DATA, 0, transfer, (uint32_t)sent, (const uint8_t *)bytes + sent,
                       part);
        sent += part;
    }
}

// Pastes as a program does; the bytes are the caller's. NULL when the owner has nothing of that kind.
static uint8_t *paste(struct desk *d, const char *target, size_t *ret_length)
{
    xcb_connection_t *x = d->scene->rig.drawer;
    xcb_atom_t property = atom(d, "PASTED"), incr = atom(d, "INCR");
    xcb_convert_selection(x, d->window, atom(d, "CLIPBOARD"), atom(d, target), property, XCB_CURRENT_TIME);
    xcb_flush(x);
    uint8_t *bytes = NULL;
    *ret_length = 0;
    bool steps = false;
    for (;;) {
        AUTO_FREE xcb_generic_event_t *event = xcb_wait_for_event(x);
        assert_non_null(event);
        uint8_t type = event->response_type & 0x7f;
        const xcb_property_notify_event_t *changed = (const void *)event;
        bool notified = type == XCB_SELECTION_NOTIFY;
        if (notified && ((const xcb_selection_notify_event_t *)event)->property == XCB_NONE)
            return NULL;
        if (!notified && !(steps && type == XCB_PROPERTY_NOTIFY && changed->state == XCB_PROPERTY_NEW_VALUE))
            continue;
        AUTO_FREE xcb_get_property_reply_t *reply = xcb_get_property_reply(
            x, xcb_get_property(x, 1, d->window, property, XCB_GET_PROPERTY_TYPE_ANY, 0, CLIPBOARD_MAX),
            NULL);
        size_t length = (size_t)xcb_get_property_value_length(reply);
        if (reply->type == incr) {
            steps = true;
            continue;
        }
        bytes = realloc(bytes, *ret_length + length + 1);
        memcpy(bytes + *ret_length, xcb_get_property_value(reply), length);
        *ret_length += length;
        if (!steps || length == 0)
            return bytes;
    }
}

static void assert_paste(struct desk *d, const char *target, const void *bytes, size_t length)
{
    size_t pasted;
    AUTO_FREE uint8_t *got = paste(d, target, &pasted);
    assert_non_null(got);
    assert_int_equal(pasted, length);
    assert_memory_equal(got, bytes, length);
}

static void the_browser_s_clipboard_can_be_pasted(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    give(d, WIRE_CLIPBOARD_TEXT, 1, "plain words", 11);
    WAIT_FOR(d->taken == 11);
    assert_paste(d, "UTF8_STRING", "plain words", 11);
    assert_paste(d, "text/plain;charset=utf-8", "plain words", 11);
    assert_paste(d, "STRING", "plain words", 11);
    size_t length;
    assert_null(paste(d, "image/png", &length));
    assert_null(paste(d, "MULTIPLE", &length));
    give(d, WIRE_CLIPBOARD_TEXT, 2, "\xc3\xbc", 2);
    give(d, WIRE_CLIPBOARD_PNG, 3, "\x89PNG\r\n\x1a\nbody", 12);
    WAIT_FOR(d->taken == 12);
    assert_paste(d, "image/png", "\x89PNG\r\n\x1a\nbody", 12);
    assert_null(paste(d, "UTF8_STRING", &length));
    size_t large = 6 * MEGABYTE + 1;
    AUTO_FREE uint8_t *bytes = make_bytes(large);
    // The socket holds few packets: pieces and answers take turns.
    send_clipboard(d, WIRE_CLIPBOARD_BEGIN, WIRE_CLIPBOARD_TEXT, 4, (uint32_t)large, NULL, 0);
    for (size_t sent = 0; sent < large;) {
        size_t part = large - sent < 60000 ? large - sent : 60000;
        send_clipboard(d, WIRE_CLIPBOARD_DATA, 0, 4, (uint32_t)sent, bytes + sent, part);
        sent += part;
        WAIT_FOR(d->taken == sent);
    }
    assert_paste(d, "UTF8_STRING", bytes, large);
    // What this viewer gave is not news to it.
    assert_int_equal(d->begun, 0);
    free(d->browser);
}

static void pasting_follows_the_transfer_at_once(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    own(d, "old", 3);
    WAIT_FOR(d->begun == 1);
    for (uint32_t i = 0; i < 50; i++) {
        char text[16];
        int length = snprintf(text, sizeof(text), "text %u", i);
        give(d, WIRE_CLIPBOARD_TEXT, i + 10, text, (size_t)length);
        rig_send(&d->scene->rig, (uint8_t[]){WIRE_KEY, 0, 0, 0, (uint8_t)(i + 1), 0, 0, 0, 30, 0, 1, 0}, 12);
        // The key is down only when the selection is the browser's.
        while (!rig_key_is_down(&d->scene->rig, 38))
            step(d, 0);
        assert_paste(d, "UTF8_STRING", text, (size_t)length);
        rig_send(&d->scene->rig, (uint8_t[]){WIRE_RELEASE_ALL, 0, 0, 0, (uint8_t)(i + 1), 0, 0, 0}, 8);
        while (rig_key_is_down(&d->scene->rig, 38))
            step(d, 0);
    }
    free(d->browser);
}

static void a_storm_of_pastes_is_bounded(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    AUTO_FREE uint8_t *bytes = make_bytes(100000);
    give(d, WIRE_CLIPBOARD_TEXT, 1, bytes, 100000);
    WAIT_FOR(d->taken == 100000);
    xcb_connection_t *x = d->scene->rig.drawer;
    for (unsigned i = 0; i < 5000; i++)
        xcb_convert_selection(x, d->window, atom(d, "CLIPBOARD"), atom(d, "UTF8_STRING"), atom(d, "PASTED"),
                              XCB_CURRENT_TIME);
    xcb_flush(x);
    unsigned given = 0, refused = 0;
    while (given + refused < 5000) {
        AUTO_FREE xcb_generic_event_t *event = xcb_wait_for_event(x);
        assert_non_null(event);
        if ((event->response_type & 0x7f) != XCB_SELECTION_NOTIFY)
            continue;
        bool none = ((const xcb_selection_notify_event_t *)event)->property == XCB_NONE;
        given += !none;
        refused += none;
    }
    assert_true(given >= 1 && refused > 1000);
    rig_fill(&d->scene->rig, 0x654321, 5, 5, 10, 10);
    scene_settle(d->scene);
    assert_true(scene_exact(d->scene));
    free(d->browser);
}

static void too_much_is_refused(void **state)
{
    struct desk desk, *d = &desk;
    ((struct scene *)*state)->rig.start.policy.clipboard_to_sandbox = 1000;
    ((struct scene *)*state)->rig.start.policy.clipboard_to_browser = 1000;
    desk_open(d, *state);
    AUTO_FREE uint8_t *bytes = make_bytes(MEGABYTE);
    give(d, WIRE_CLIPBOARD_TEXT, 1, bytes, 1001);
    WAIT_FOR(d->refused == 1);
    give(d, WIRE_CLIPBOARD_PNG, 2, "no picture at all", 17);
    WAIT_FOR(d->refused == 2);
    own(d, bytes, 1001);
    WAIT_FOR(d->refused == 3);
    d->manner = IN_STEPS;
    own(d, bytes, 200000);
    WAIT_FOR(d->refused == 4);
    d->manner = HONEST;
    own(d, bytes, 1000);
    WAIT_FOR(browser_has(d, bytes, 1000));
    free(d->browser);
}

static void each_direction_can_be_off(void **state)
{
    struct desk desk, *d = &desk;
    ((struct scene *)*state)->rig.start.policy.clipboard_to_sandbox = 0;
    ((struct scene *)*state)->rig.start.policy.clipboard_to_browser = 0;
    desk_open(d, *state);
    own(d, "secret", 6);
    give(d, WIRE_CLIPBOARD_TEXT, 1, "words", 5);
    WAIT_FOR(d->refused == 1);
    for (unsigned i = 0; i < 20; i++)
        step(d, 5);
    assert_int_equal(d->begun + d->requests, 0);
    free(d->browser);
}

static void watchers_have_no_clipboard(void **state)
{
    struct desk desk, *d = &desk;
    ((struct scene *)*state)->rig.start.view_only = 1;
    desk_open(d, *state);
    own(d, "secret", 6);
    for (unsigned i = 0; i < 20; i++)
        step(d, 5);
    assert_int_equal(d->begun + d->requests, 0);
    free(d->browser);
    give(d, WIRE_CLIPBOARD_TEXT, 1, "words", 5);
    scene_check_exit(d->scene, 1, "the viewer broke the protocol");
}

static void impossible_pieces_end_it(void **state)
{
    struct desk desk, *d = &desk;
    static const struct {
        uint32_t transfer, value;
        unsigned step;
        size_t length;
    } cases[] = {{1, 1, WIRE_CLIPBOARD_DATA, 4},     // a gap
                 {1, 0, WIRE_CLIPBOARD_DATA, 11},    // more than was said
                 {2, 0, WIRE_CLIPBOARD_DATA, 4},     // of another transfer
                 {1, 900, WIRE_CLIPBOARD_TAKEN, 0}}; // more than was sent
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        desk_open(d, s);
        own(d, "words", 5);
        WAIT_FOR(d->begun == 1 && d->browser_length == 5);
        d->quiet = true;
        AUTO_FREE uint8_t *bytes = make_bytes(100000);
        own(d, bytes, 100000);
        WAIT_FOR(d->begun == 2);
        if (cases[i].step == WIRE_CLIPBOARD_DATA)
            send_clipboard(d, WIRE_CLIPBOARD_BEGIN, WIRE_CLIPBOARD_TEXT, 1, 10, NULL, 0);
        uint32_t transfer = cases[i].step == WIRE_CLIPBOARD_TAKEN ? 2 : cases[i].transfer;
        send_clipboard(d, cases[i].step, 0, transfer,
                       cases[i].value + (cases[i].step == WIRE_CLIPBOARD_TAKEN ? 100000 : 0), "0123456789ab",
                       cases[i].length);
        scene_check_exit(s, 1, "the viewer broke the protocol");
        free(d->browser);
        close(s->rig.stream);
        close(s->rig.errors);
        s->rig.stream = s->rig.errors = -1;
        canvas_finish(&s->canvas);
        canvas_init(&s->canvas);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_start, scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(copied_text_reaches_the_browser),
        TEST(large_copies_arrive_whole),
        TEST(a_browser_that_takes_nothing_gets_little),
        TEST(hostile_owners_are_given_up),
        TEST(a_storm_of_owners_is_bounded),
        TEST(the_browser_s_clipboard_can_be_pasted),
        TEST(pasting_follows_the_transfer_at_once),
        TEST(a_storm_of_pastes_is_bounded),
        TEST(too_much_is_refused),
        TEST(each_direction_can_be_off),
        TEST(watchers_have_no_clipboard),
        TEST(impossible_pieces_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
