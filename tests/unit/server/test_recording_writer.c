// A lane that is full delays recordings and loses nothing of them, however they end meanwhile.
#include "cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/cleanup.h"
#include "server/limits.h"
#include "server/recording_files.h"
#include "server/recording_writer.h"

#define QUOTA (UINT64_C(1) << 30)

struct fixture {
    struct loop *loop;
    struct recording_writers writers;
    char directory[32];
    pthread_barrier_t barrier;
    struct gate {
        struct work_job job;
        struct fixture *fixture;
    } gates[WORK_RECORDING_THREADS];
    struct work_job fillers[WORK_RECORDING_QUEUE];
    unsigned written; // events
    int failed;
    unsigned ended; // recordings of the first account
    int lost;       // of the last one
};

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    (void)wsi, (void)reason, (void)user, (void)in, (void)length;
    return 0;
}

static void on_ended(void *data, const struct recording_header *header, int error)
{
    struct fixture *f = data;
    if (header->account.bytes[0] != 1)
        return;
    assert_false(recording_writers_closing(&f->writers, &header->sandbox));
    f->ended++;
    f->lost = error;
}

static int set_up(void **state)
{
    static const struct lws_protocols protocols[] = {{.name = "http", .callback = callback}, {0}};
    struct loop_shape shape = {.protocols = protocols, .connection_maximum = 8};
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    snprintf(f->directory, sizeof(f->directory), "/tmp/recordings-XXXXXX");
    f->loop = loop_new(&shape);
    f->writers = (struct recording_writers){
        .work = work_new(f->loop, "host=/nonexistent"), .ended = on_ended, .data = f};
    pthread_barrier_init(&f->barrier, NULL, WORK_RECORDING_THREADS + 1);
    return mkdtemp(f->directory) ? 0 : -1;
}

static int remove_one(void *data, const struct recording_entry *entry)
{
    (void)data;
    return recording_unlink(entry->account_fd, &entry->recording, entry->kind);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    f->writers.stopping = true;
    work_free(f->writers.work);
    recording_writers_finish(&f->writers);
    loop_free(f->loop);
    recording_directory_each(f->directory, NULL, remove_one, NULL);
    for (uint8_t i = 1; i <= 2; i++) {
        char account[sizeof(f->directory) + ID_TEXT_SIZE + 1], id[ID_TEXT_SIZE];
        id_format(&(struct id){{i}}, id);
        snprintf(account, sizeof(account), "%s/%s", f->directory, id);
        rmdir(account);
    }
    rmdir(f->directory);
    pthread_barrier_destroy(&f->barrier);
    free(f);
    return 0;
}

static void wait_at_gate(struct work_job *job, struct store *store)
{
    (void)store;
    struct gate *gate = lws_container_of(job, struct gate, job);
    pthread_barrier_wait(&gate->fixture->barrier); // running
    pthread_barrier_wait(&gate->fixture->barrier); // let go
}

static void ignore(struct work_job *job)
{
    (void)job;
}

static void run_nothing(struct work_job *job, struct store *store)
{
    (void)job, (void)store;
}

static struct recording_writer *begin(struct fixture *f, uint64_t quota, uint8_t account);

// Every worker stands still, and nothing more finds room. In a server the lane is full of other recordings' jobs: here of one.
static void fill_lane(struct fixture *f)
{
    for (int i = 0; i < WORK_RECORDING_THREADS; i++) {
        f->gates[i] = (struct gate){{.run = wait_at_gate, .done = ignore}, f};
        assert_int_equal(work_submit(f->writers.work, WORK_RECORDING, &f->gates[i].job), 0);
    }
    pthread_barrier_wait(&f->barrier);
    recording_writer_close(begin(f, 0, 2));
    for (int i = 1; i < WORK_RECORDING_QUEUE; i++) {
        f->fillers[i] = (struct work_job){.run = run_nothing, .done = ignore};
        assert_int_equal(work_submit(f->writers.work, WORK_RECORDING, &f->fillers[i]), 0);
    }
}

static void empty_lane(struct fixture *f)
{
    pthread_barrier_wait(&f->barrier);
}

static void on_written(void *data)
{
    struct fixture *f = data;
    f->written++;
    loop_stop(f->loop);
}

static void on_failed(void *data, int error)
{
    struct fixture *f = data;
    f->failed = error;
    loop_stop(f->loop);
}

static const struct recording_writer_events events = {on_written, on_failed};

static struct recording_writer *begin(struct fixture *f, uint64_t quota, uint8_t account)
{
    const struct recording_header header = {
        .recording = id_new(), .sandbox = {{account}}, .account = {{account}}};
    return recording_writer_new(&f->writers, &header, f->directory, quota, &events, f);
}

static void add(struct recording_writer *writer, uint64_t time_us)
{
    static const uint8_t message[100] = {0x09};
    assert_int_equal(recording_writer_add(writer, true, message, 60), 0);
    assert_int_equal(recording_writer_add(writer, false, message + 60, 40), 0);
    recording_writer_end(writer, time_us);
}

static void wait_event(struct fixture *f)
{
    unsigned before = f->written;
    while (f->written == before && !f->failed)
        assert_int_equal(loop_run(f->loop), 0);
}

// Until it has gone by itself.
static void on_tick(void *data)
{
    struct fixture *f = data;
    loop_stop(f->loop);
}

static void wait_end(struct fixture *f)
{
    struct loop_timer tick = {.fire = on_tick, .data = f};
    while (f->writers.all) {
        loop_timer_set(f->loop, &tick, 1000);
        assert_int_equal(loop_run(f->loop), 0);
    }
    loop_timer_cancel(&tick);
}

static int size_of(void *data, const struct recording_entry *entry)
{
    AUTO_FD int fd = -1;
    struct stat status;
    assert_int_equal(recording_open(entry->account_fd, &entry->recording, entry->kind, O_RDONLY, &fd), 0);
    assert_int_equal(fstat(fd, &status), 0);
    *(size_t *)data += (size_t)status.st_size;
    return 0;
}

static void check_size(struct fixture *f, size_t records)
{
    size_t size = 0;
    assert_int_equal(recording_directory_each(f->directory, NULL, size_of, &size), 0);
    assert_int_equal(size, RECORDING_HEADER_SIZE + records * (RECORDING_RECORD_SIZE + 100));
}

static void what_a_full_lane_refuses_is_written_later(void **state)
{
    struct fixture *f = *state;
    fill_lane(f);
    struct recording_writer *writer = begin(f, QUOTA, 1); // even its begin
    empty_lane(f);
    wait_event(f);
    check_size(f, 0);
    fill_lane(f);
    for (unsigned i = 0; i < 10; i++) {
        add(writer, i);
        recording_writer_flush(writer);
    }
    assert_true(recording_writer_pending(writer));
    assert_int_equal(f->failed, 0);
    empty_lane(f);
    wait_event(f);
    check_size(f, 10);
    recording_writer_close(writer);
    wait_end(f);
    check_size(f, 10);
}

static void one_that_ends_at_a_full_lane_is_written_and_goes(void **state)
{
    struct fixture *f = *state;
    struct recording_writer *writer = begin(f, QUOTA, 1);
    wait_event(f);
    fill_lane(f);
    add(writer, 1);
    assert_int_equal(recording_writer_add(writer, true, "\x09", 1), 0); // and one that will never be whole
    const struct id sandbox = {{1}};
    assert_false(recording_writers_closing(&f->writers, &sandbox));
    recording_writer_close(writer);
    assert_true(recording_writers_closing(&f->writers, &sandbox));
    assert_int_equal(f->ended, 0);
    empty_lane(f);
    wait_end(f);
    check_size(f, 1);
    assert_int_equal(f->failed, 0);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->lost, 0);
}

static void one_that_never_began_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    fill_lane(f);
    const struct recording_writer *others = f->writers.all;
    recording_writer_close(begin(f, QUOTA, 1));
    assert_ptr_equal(f->writers.all, others);
    assert_int_equal(f->writers.waiting, 0);
    empty_lane(f);
}

static void nothing_follows_what_could_not_be_written(void **state)
{
    struct fixture *f = *state;
    struct recording_writer *writer = begin(f, 0, 1);
    wait_event(f);
    assert_int_equal(f->failed, -EDQUOT);
    recording_writer_close(writer);
    wait_end(f);
}

static void an_end_that_is_lost_is_told(void **state)
{
    struct fixture *f = *state;
    struct recording_writer *writer = begin(f, QUOTA, 1);
    wait_event(f);
    add(writer, 1);
    assert_int_equal(recording_directory_each(f->directory, NULL, remove_one, NULL),
                     0); // nobody could find it
    recording_writer_close(writer);
    wait_end(f);
    assert_int_equal(f->failed, 0);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->lost, -ESTALE);
}

static void what_waits_when_the_server_stops_is_written(void **state)
{
    struct fixture *f = *state;
    struct recording_writer *writer = begin(f, QUOTA, 1);
    wait_event(f);
    fill_lane(f);
    add(writer, 1);
    recording_writer_flush(writer);
    add(writer, 2);
    f->writers.stopping = true;
    empty_lane(f);
    work_free(steal_pointer(&f->writers.work));
    recording_writer_close(writer);
    recording_writers_finish(&f->writers);
    check_size(f, 2);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_full_lane_refuses_is_written_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_ends_at_a_full_lane_is_written_and_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_never_began_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_follows_what_could_not_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_that_is_lost_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waits_when_the_server_stops_is_written, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
