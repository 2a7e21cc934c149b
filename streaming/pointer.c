#include "streaming/pointer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xcb/sync.h>
#include <xcb/xcbext.h>

#include "lib/bytes.h"
#include "lib/cleanup.h"
#include "lib/wire.h"

// The master pointer has number 2 (XIproto); the other one counts keys as well.
#define POINTER_COUNTER "DEVICEIDLETIME 2"
#define ANY_COUNTER "IDLETIME"
#define LIST_HEAD 32u    // bytes of a reply before its list
#define COUNTER_HEAD 14u // of an entry before its name: counter, resolution, length

uint32_t pointer_find_counter(const void *list, size_t length, uint32_t count, const char *name)
{
    struct reader r = reader_of(list, length);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t counter = read_u32(&r);
        read_u64(&r); // resolution
        size_t bytes = read_u16(&r);
        const uint8_t *text = read_bytes(&r, bytes);
        read_bytes(&r, -(COUNTER_HEAD + bytes) & 3);
        if (!text)
            return 0;
        if (bytes == strlen(name) && memcmp(text, name, bytes) == 0)
            return counter;
    }
    return 0;
}

static int find_counter(struct pointer *p)
{
    xcb_connection_t *c = p->display->connection;
    xcb_sync_initialize_cookie_t version = xcb_sync_initialize(c, 3, 0);
    xcb_sync_list_system_counters_cookie_t counters = xcb_sync_list_system_counters(c);
    AUTO_FREE void *initialized = xcb_sync_initialize_reply(c, version, NULL);
    AUTO_FREE xcb_sync_list_system_counters_reply_t *list =
        xcb_sync_list_system_counters_reply(c, counters, NULL);
    if (!initialized || !list)
        return -EPROTO;
    const uint8_t *bytes = (const uint8_t *)list + LIST_HEAD;
    size_t length = (size_t)list->length * 4;
    p->counter = pointer_find_counter(bytes, length, list->counters_len, POINTER_COUNTER);
    if (p->counter == 0)
        p->counter = pointer_find_counter(bytes, length, list->counters_len, ANY_COUNTER);
    return 0;
}

int pointer_init(struct pointer *p, struct display *display)
{
    *p = (struct pointer){.display = display};
    const xcb_query_extension_reply_t *extension = xcb_get_extension_data(display->connection, &xcb_sync_id);
    if (!extension || !extension->present)
        return 0;
    display->alarm_event = (uint8_t)(extension->first_event + XCB_SYNC_ALARM_NOTIFY);
    return find_counter(p);
}

static void set_alarm(struct pointer *p)
{
    xcb_connection_t *c = p->display->connection;
    const xcb_sync_create_alarm_value_list_t values = {
        .counter = p->counter,
        .valueType = XCB_SYNC_VALUETYPE_ABSOLUTE,
        .value = {.lo = POINTER_REST_MS},
        .testType = XCB_SYNC_TESTTYPE_NEGATIVE_TRANSITION,
        .events = 1,
    };
    // With a delta of 0 it stays on after it has rung (X Synchronization Extension, section 5).
    xcb_sync_create_alarm_aux(c, xcb_generate_id(c),
                              XCB_SYNC_CA_COUNTER | XCB_SYNC_CA_VALUE_TYPE | XCB_SYNC_CA_VALUE |
                                  XCB_SYNC_CA_TEST_TYPE | XCB_SYNC_CA_DELTA | XCB_SYNC_CA_EVENTS,
                              &values);
}

void pointer_follow(struct pointer *p, bool at_once)
{
    if (p->followed || p->counter == 0)
        return;
    p->followed = p->stirred = true;
    p->quiet = !at_once;
    set_alarm(p);
}

void pointer_stir(struct pointer *p)
{
    p->stirred = p->followed;
}

uint64_t pointer_advance(struct pointer *p, const struct input *in, uint64_t now_us)
{
    if (!p->stirred || p->requested)
        return UINT64_MAX;
    uint64_t due_us = in->moved_us ? in->moved_us + POINTER_OWN_US : 0;
    due_us = due_us > p->next_us ? due_us : p->next_us;
    if (now_us < due_us)
        return due_us;
    xcb_connection_t *c = p->display->connection;
    p->pointer_sequence = xcb_query_pointer(c, p->display->setup.root).sequence;
    p->counter_sequence = xcb_sync_query_counter(c, p->counter).sequence;
    p->requested = true;
    p->stirred = false; // what rings from now on may be later than the answer
    p->asked_us = now_us;
    p->next_us = now_us + POINTER_INTERVAL_US;
    return UINT64_MAX;
}

static uint16_t clamp(int32_t value, uint16_t size)
{
    return (uint16_t)(value < 0 ? 0 : value >= size ? size - 1 : value);
}

// What the viewer takes for the pointer's place.
static struct pointer_place known_place(const struct pointer *p, const struct input *in)
{
    return in->moved_us > p->told_us ? in->place : p->place;
}

static void learn(struct pointer *p, const struct input *in, struct pointer_place place, bool rests)
{
    struct pointer_place known = known_place(p, in);
    bool moved = !known.known || known.x != place.x || known.y != place.y;
    p->stirred |= moved || !rests;
    p->news |= moved && !p->quiet;
    p->quiet = false;
    p->place = place;
    p->told_us = p->asked_us;
}

int pointer_receive(struct pointer *p, const struct input *in)
{
    xcb_connection_t *c = p->display->connection;
    void *counter_reply = NULL, *pointer_reply = NULL;
    xcb_generic_error_t *counter_error = NULL, *pointer_error = NULL;
    if (!xcb_poll_for_reply(c, p->counter_sequence, &counter_reply, &counter_error))
        return -EAGAIN;
    AUTO_FREE xcb_sync_query_counter_reply_t *counter = counter_reply;
    AUTO_FREE xcb_generic_error_t *refusal = counter_error;
    p->requested = false;
    // Asked for before, so it is there.
    int there = xcb_poll_for_reply(c, p->pointer_sequence, &pointer_reply, &pointer_error);
    AUTO_FREE xcb_query_pointer_reply_t *pointer = pointer_reply;
    AUTO_FREE xcb_generic_error_t *error = pointer_error;
    if (!there || refusal || error || !pointer || !counter)
        return -EPROTO;
    // What the viewer has done since is newer; the question comes again.
    if (in->moved_us > p->asked_us) {
        p->stirred = true;
        return 0;
    }
    const struct xsetup *setup = &p->display->setup;
    struct pointer_place place = {
        .x = clamp(pointer->root_x, setup->width), .y = clamp(pointer->root_y, setup->height), .known = true};
    bool rests = counter->counter_value.hi != 0 || counter->counter_value.lo >= POINTER_REST_MS;
    learn(p, in, place, rests);
    return 0;
}

int pointer_put(struct pointer *p, const struct input *in, struct outbox *outbox, const struct grid *grid)
{
    bool news = p->news && in->moved_us <= p->told_us;
    p->news = false;
    if (!news)
        return 0;
    struct writer w = outbox_begin(outbox);
    wire_write_pointer_place(&w, clamp(p->place.x, grid->width), clamp(p->place.y, grid->height));
    return outbox_end(outbox, &w);
}
