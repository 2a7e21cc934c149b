// The clipboard, between a real X server with programs that own and paste, honest and not, and a browser that is honest or not.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "desk.h"
#include "lib/cleanup.h"
#include "lib/limits.h"
#include "streaming/clipboard.h"

#define MEGABYTE (1u << 20)
static const char png_head[8] = "\x89PNG\r\n\x1a\n";

static void copied_text_reaches_the_browser(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    desk_own(d, "gr\xc3\xbc\xc3\x9f dich", 11);
    WAIT_FOR(desk_browser_has(d, "gr\xc3\xbc\xc3\x9f dich", 11));
    assert_int_equal(d->browser_type, WIRE_CLIPBOARD_TEXT);
    d->manner = NO_TARGETS;
    desk_own(d, "old program", 11);
    WAIT_FOR(desk_browser_has(d, "old program", 11));
    d->manner = HONEST;
    d->target = "STRING";
    desk_own(d, "caf\xe9", 4);
    WAIT_FOR(desk_browser_has(d, "caf\xc3\xa9", 5));
    d->target = "image/png";
    desk_own(d, png_head, 8);
    desk_own(d, "\x89PNG\r\n\x1a\nbody", 12);
    WAIT_FOR(desk_browser_has(d, "\x89PNG\r\n\x1a\nbody", 12));
    assert_int_equal(d->browser_type, WIRE_CLIPBOARD_PNG);
    free(d->browser);
}

static void large_copies_arrive_whole(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    size_t length = 6 * MEGABYTE + 12345;
    AUTO_FREE uint8_t *bytes = desk_bytes(length);
    d->manner = IN_STEPS;
    desk_own(d, bytes, length);
    WAIT_FOR(desk_browser_has(d, bytes, length));
    // A picture does not wait for a clipboard.
    desk_own(d, bytes, length);
    WAIT_FOR(d->begun == 2 && d->browser_length > 100000);
    size_t before = d->browser_length;
    rig_fill(&d->scene->rig, 0x123456, 5, 5, 10, 10);
    uint32_t sequence = d->scene->canvas.sequence;
    WAIT_FOR(d->scene->canvas.sequence > sequence);
    assert_true(d->browser_length - before <= 2 * CLIPBOARD_WINDOW_MAX + CLIPBOARD_PIECE);
    WAIT_FOR(desk_browser_has(d, bytes, length));
    free(d->browser);
}

static void a_browser_that_takes_nothing_gets_little(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    AUTO_FREE uint8_t *bytes = desk_bytes(MEGABYTE);
    d->quiet = true;
    d->manner = IN_STEPS;
    desk_own(d, bytes, MEGABYTE);
    WAIT_FOR(d->begun == 1);
    for (unsigned i = 0; i < 50; i++)
        desk_step(d, 5);
    assert_int_equal(d->browser_length, CLIPBOARD_PIECE);
    d->quiet = false;
    d->manner = HONEST;
    desk_own(d, "next", 4);
    WAIT_FOR(desk_browser_has(d, "next", 4));
    free(d->browser);
}

static void hostile_owners_are_given_up(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    AUTO_FREE uint8_t *bytes = desk_bytes(33 * MEGABYTE);
    d->manner = ENDLESS;
    desk_own(d, bytes, 200000);
    WAIT_FOR(d->refused == 1);
    assert_int_equal(d->begun, 0);
    d->manner = DIES;
    desk_own(d, bytes, 2 * MEGABYTE);
    WAIT_FOR(d->given > 0);
    // Given up after CLIPBOARD_STEP_US, and so is one that never answers.
    d->manner = SILENT;
    unsigned requests = d->requests;
    desk_own(d, bytes, 100);
    WAIT_FOR(d->requests > requests);
    d->manner = HONEST;
    d->target = "image/png";
    desk_own(d, "no picture at all", 17);
    requests = d->requests;
    WAIT_FOR(d->requests >= requests + 2);
    d->target = "UTF8_STRING";
    desk_own(d, "", 0);
    desk_own(d, "alive", 5);
    WAIT_FOR(desk_browser_has(d, "alive", 5));
    assert_int_equal(d->begun, 1);
    free(d->browser);
}

static void a_storm_of_owners_is_bounded(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    for (unsigned i = 0; i < 20000; i++)
        xcb_set_selection_owner(d->scene->rig.drawer, d->window, desk_atom(d, "CLIPBOARD"), XCB_CURRENT_TIME);
    desk_own(d, "last", 4);
    WAIT_FOR(desk_browser_has(d, "last", 4));
    assert_true(d->requests < 500);
    free(d->browser);
}

static void the_browser_s_clipboard_can_be_pasted(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    desk_give(d, WIRE_CLIPBOARD_TEXT, 1, "plain words", 11);
    WAIT_FOR(d->taken == 11);
    desk_assert_paste(d, "UTF8_STRING", "plain words", 11);
    desk_assert_paste(d, "text/plain;charset=utf-8", "plain words", 11);
    desk_assert_paste(d, "STRING", "plain words", 11);
    size_t length;
    assert_null(desk_paste(d, "image/png", &length));
    assert_null(desk_paste(d, "MULTIPLE", &length));
    desk_give(d, WIRE_CLIPBOARD_TEXT, 2, "\xc3\xbc", 2);
    desk_give(d, WIRE_CLIPBOARD_PNG, 3, "\x89PNG\r\n\x1a\nbody", 12);
    WAIT_FOR(d->taken == 12);
    desk_assert_paste(d, "image/png", "\x89PNG\r\n\x1a\nbody", 12);
    assert_null(desk_paste(d, "UTF8_STRING", &length));
    size_t large = 6 * MEGABYTE + 1;
    AUTO_FREE uint8_t *bytes = desk_bytes(large);
    // The socket holds few packets: pieces and answers take turns.
    desk_send(d, WIRE_CLIPBOARD_BEGIN, WIRE_CLIPBOARD_TEXT, 4, (uint32_t)large, NULL, 0);
    for (size_t sent = 0; sent < large;) {
        size_t part = large - sent < 60000 ? large - sent : 60000;
        desk_send(d, WIRE_CLIPBOARD_DATA, 0, 4, (uint32_t)sent, bytes + sent, part);
        sent += part;
        WAIT_FOR(d->taken == sent);
    }
    desk_assert_paste(d, "UTF8_STRING", bytes, large);
    // What this viewer gave is not news to it.
    assert_int_equal(d->begun, 0);
    free(d->browser);
}

static void pasting_follows_the_transfer_at_once(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    desk_own(d, "old", 3);
    WAIT_FOR(d->begun == 1);
    for (uint32_t i = 0; i < 50; i++) {
        char text[16];
        int length = snprintf(text, sizeof(text), "text %u", i);
        desk_give(d, WIRE_CLIPBOARD_TEXT, i + 10, text, (size_t)length);
        rig_send(&d->scene->rig, (uint8_t[]){WIRE_KEY, 0, 0, 0, (uint8_t)(i + 1), 0, 0, 0, 30, 0, 1, 0}, 12);
        // The key is down only when the selection is the browser's.
        while (!rig_key_is_down(&d->scene->rig, 38))
            desk_step(d, 0);
        desk_assert_paste(d, "UTF8_STRING", text, (size_t)length);
        rig_send(&d->scene->rig, (uint8_t[]){WIRE_RELEASE_ALL, 0, 0, 0, (uint8_t)(i + 1), 0, 0, 0}, 8);
        while (rig_key_is_down(&d->scene->rig, 38))
            desk_step(d, 0);
    }
    free(d->browser);
}

static void a_storm_of_pastes_is_bounded(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    AUTO_FREE uint8_t *bytes = desk_bytes(100000);
    desk_give(d, WIRE_CLIPBOARD_TEXT, 1, bytes, 100000);
    WAIT_FOR(d->taken == 100000);
    xcb_connection_t *x = d->scene->rig.drawer;
    for (unsigned i = 0; i < 5000; i++)
        xcb_convert_selection(x, d->window, desk_atom(d, "CLIPBOARD"), desk_atom(d, "UTF8_STRING"),
                              desk_atom(d, "PASTED"), XCB_CURRENT_TIME);
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
    AUTO_FREE uint8_t *bytes = desk_bytes(MEGABYTE);
    desk_give(d, WIRE_CLIPBOARD_TEXT, 1, bytes, 1001);
    WAIT_FOR(d->refused == 1);
    desk_give(d, WIRE_CLIPBOARD_PNG, 2, "no picture at all", 17);
    WAIT_FOR(d->refused == 2);
    desk_own(d, bytes, 1001);
    WAIT_FOR(d->refused == 3);
    d->manner = IN_STEPS;
    desk_own(d, bytes, 200000);
    WAIT_FOR(d->refused == 4);
    d->manner = HONEST;
    desk_own(d, bytes, 1000);
    WAIT_FOR(desk_browser_has(d, bytes, 1000));
    free(d->browser);
}

static void each_direction_can_be_off(void **state)
{
    struct desk desk, *d = &desk;
    ((struct scene *)*state)->rig.start.policy.clipboard_to_sandbox = 0;
    ((struct scene *)*state)->rig.start.policy.clipboard_to_browser = 0;
    desk_open(d, *state);
    desk_own(d, "secret", 6);
    desk_give(d, WIRE_CLIPBOARD_TEXT, 1, "words", 5);
    WAIT_FOR(d->refused == 1);
    for (unsigned i = 0; i < 20; i++)
        desk_step(d, 5);
    assert_int_equal(d->begun + d->requests, 0);
    free(d->browser);
}

static void watchers_have_no_clipboard(void **state)
{
    struct desk desk, *d = &desk;
    ((struct scene *)*state)->rig.start.view_only = 1;
    desk_open(d, *state);
    desk_own(d, "secret", 6);
    for (unsigned i = 0; i < 20; i++)
        desk_step(d, 5);
    assert_int_equal(d->begun + d->requests, 0);
    free(d->browser);
    desk_give(d, WIRE_CLIPBOARD_TEXT, 1, "words", 5);
    scene_check_exit(d->scene, 1, "the viewer broke the protocol");
}

// The browser learns from the next one's hello that a streamer is gone.
static void what_was_meant_for_the_last_streamer_is_ignored(void **state)
{
    struct desk desk, *d = &desk;
    desk_open(d, *state);
    desk_send(d, WIRE_CLIPBOARD_DATA, 0, 1, 65536, "rest of a text", 14);
    desk_send(d, WIRE_CLIPBOARD_TAKEN, 0, 1, 65536, NULL, 0);
    desk_give(d, WIRE_CLIPBOARD_TEXT, 2, "anew", 4);
    WAIT_FOR(d->taken == 4);
    desk_assert_paste(d, "UTF8_STRING", "anew", 4);
    d->quiet = true;
    desk_own(d, "words", 5);
    WAIT_FOR(d->begun == 1);
    desk_send(d, WIRE_CLIPBOARD_TAKEN, 0, 1, 65536, NULL, 0);
    desk_give(d, WIRE_CLIPBOARD_TEXT, 3, "once more", 9);
    WAIT_FOR(d->taken == 9);
    free(d->browser);
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
        desk_own(d, "words", 5);
        WAIT_FOR(d->begun == 1 && d->browser_length == 5);
        d->quiet = true;
        AUTO_FREE uint8_t *bytes = desk_bytes(100000);
        desk_own(d, bytes, 100000);
        WAIT_FOR(d->begun == 2);
        if (cases[i].step == WIRE_CLIPBOARD_DATA)
            desk_send(d, WIRE_CLIPBOARD_BEGIN, WIRE_CLIPBOARD_TEXT, 1, 10, NULL, 0);
        uint32_t transfer = cases[i].step == WIRE_CLIPBOARD_TAKEN ? d->browser_transfer : cases[i].transfer;
        desk_send(d, cases[i].step, 0, transfer,
                  cases[i].value + (cases[i].step == WIRE_CLIPBOARD_TAKEN ? 100000 : 0), "0123456789ab",
                  cases[i].length);
        scene_check_exit(s, 1, "the viewer broke the protocol");
        free(d->browser);
        scene_part(s);
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
        TEST(what_was_meant_for_the_last_streamer_is_ignored),
        TEST(impossible_pieces_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
