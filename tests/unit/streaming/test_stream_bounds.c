// What the stream may cost: processor time, messages, bytes on their way.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "scene.h"

// How often a process has gone to sleep, which it must after each time it wakes.
static long sleeps_of(pid_t process)
{
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/status", process);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    long count = -1;
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
            break;
    }
    fclose(file);
    assert_true(count >= 0);
    return count;
}

static void still_screen_costs_nothing(void **state)
{
    struct scene *s = *state;
    rig_noise(&s->rig, 2, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    scene_open(s);
    assert_true(scene_exact(s));
    long before = sleeps_of(s->rig.streamer);
    assert_false(scene_step(s, 1000));
    assert_int_equal(sleeps_of(s->rig.streamer), before);
}

// Many small changes in many places are still few messages: each is acknowledged, and browsers may send only so many.
static void scattered_changes_are_few_messages(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    uint32_t sequence = s->canvas.sequence;
    for (uint32_t round = 0; round < 10; round++) {
        for (int i = 0; i < 40; i++)
            rig_fill(&s->rig, 0x010203 * (round + 1), i * 19, (i * 37 % 60) * 10, 4, 4);
        rig_synchronise(&s->rig);
        scene_step(s, 100);
    }
    scene_settle(s);
    assert_true(scene_exact(s));
    assert_in_range(s->canvas.sequence - sequence, 10, 10 * 8 + 10);
}

// Whatever it consists of, an update is acknowledged once by whoever knows that.
static void an_update_is_acknowledged_once(void **state)
{
    struct scene *s = *state;
    s->knows = WIRE_KNOWS_MORE;
    scene_open(s);
    const unsigned before = s->canvas.grouped;
    for (uint32_t round = 0; round < 20; round++) {
        // At once, far apart.
        xcb_grab_server(s->rig.drawer);
        for (int i = 0; i < 4; i++)
            rig_fill(&s->rig, 0x010203 * (round + 1), i * 190, i * 140, 30, 30);
        xcb_ungrab_server(s->rig.drawer);
        rig_synchronise(&s->rig);
        unsigned grouped = s->canvas.grouped;
        for (uint32_t last = s->canvas.sequence; s->canvas.sequence - last == s->canvas.grouped - grouped;)
            assert_true(scene_step(s, RIG_PATIENCE_MS));
    }
    assert_true(s->canvas.grouped - before >= 20);
    scene_settle(s);
    assert_true(scene_exact(s));
}

static void unacknowledged_updates_are_bounded(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    uint32_t sequence = s->canvas.sequence;
    s->mute = true;
    for (uint32_t i = 0; i < 8; i++) {
        rig_fill(&s->rig, 0x102030 * (i + 1) & 0xffffff, 40, 40, 20, 20);
        rig_synchronise(&s->rig);
        scene_step(s, 100);
    }
    assert_int_equal(s->canvas.sequence, sequence + 3);
    assert_false(scene_step(s, 300));
    // The newest wins: one update brings all that was missed.
    s->mute = false;
    scene_acknowledge(s);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.sequence, sequence + 4);
    assert_true(scene_exact(s));
}

static double processor_seconds_of(pid_t process)
{
    clockid_t clock;
    struct timespec used;
    assert_int_equal(clock_getcpuclockid(process, &clock), 0);
    assert_int_equal(clock_gettime(clock, &used), 0);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

// The second and third update wait for the pace's timer; what comes after them waits for the browser alone.
static void waiting_for_the_browser_costs_nothing(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    s->mute = true;
    for (uint32_t i = 0; i < 3; i++) {
        rig_fill(&s->rig, 0x102030 * (i + 1), 40, 40, 20, 20);
        rig_synchronise(&s->rig);
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    }
    double before = processor_seconds_of(s->rig.streamer);
    assert_false(scene_step(s, 1000));
    assert_true(processor_seconds_of(s->rig.streamer) - before < 0.2);
}

static void slow_reader_gets_whole_messages_in_order(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    // Nobody reads: the socket fills, then the outbox, then capture pauses.
    for (uint32_t i = 0; i < 50; i++) {
        rig_noise(&s->rig, i * 77, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
        rig_synchronise(&s->rig);
    }
    uint32_t sequence = s->canvas.sequence;
    scene_settle(s);
    assert_true(scene_exact(s));
    assert_true(s->canvas.sequence > sequence);
}

static void bitrate_is_kept(void **state)
{
    struct scene *s = *state;
    s->rig.start.bitrate_kbps = 2000;
    scene_open(s);
    size_t bytes = s->canvas.bytes;
    uint64_t start = s->canvas.captured_us;
    for (uint32_t i = 0; i < 400 && s->canvas.captured_us - start < 2000000; i++) {
        rig_noise(&s->rig, i, (int)(i % 50), 0, SCENE_WIDTH - 50, SCENE_HEIGHT);
        assert_true(scene_step(s, RIG_PATIENCE_MS));
    }
    double seconds = (double)(s->canvas.captured_us - start) / 1e6;
    assert_true(seconds >= 2);
    double kbps = (double)(s->canvas.bytes - bytes) * 8 / 1000 / seconds;
    print_message("%.0f kbit/s, quantizer from statistics %u\n", kbps, s->canvas.quantizer);
    // The burst that an idle stream may start with is in it.
    assert_true(kbps < 2000 * 1.5);
    assert_true(s->canvas.statistics > 0);
    assert_int_equal(s->rig.reports, s->canvas.statistics);
    assert_in_range(s->rig.reported_video, 1, s->canvas.video_frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(still_screen_costs_nothing, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(scattered_changes_are_few_messages, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(an_update_is_acknowledged_once, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(unacknowledged_updates_are_bounded, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(waiting_for_the_browser_costs_nothing, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(slow_reader_gets_whole_messages_in_order, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(bitrate_is_kept, scene_start, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
