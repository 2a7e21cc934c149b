#include "cmocka_all.h"

#include <errno.h>
#include <pthread.h>

#include "server/limits.h"
#include "server/work.h"

#define JOBS 100

struct job {
    struct work_job job;
    struct loop *loop;
    pthread_t ran_on;
    bool ran;
    bool done;
    int *left;
};

static void run(struct work_job *job, struct store *store)
{
    struct job *mine = lws_container_of(job, struct job, job);
    assert_non_null(store);
    mine->ran_on = pthread_self();
    mine->ran = true;
}

static void done(struct work_job *job)
{
    struct job *mine = lws_container_of(job, struct job, job);
    mine->done = true;
    if (--*mine->left == 0)
        loop_stop(mine->loop);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    (void)wsi;
    (void)reason;
    (void)user;
    (void)in;
    (void)length;
    return 0;
}

static const struct lws_protocols protocols[] = {{.name = "http", .callback = callback}, {0}};

static struct loop *new_loop(void)
{
    struct loop_shape shape = {.protocols = protocols, .connection_maximum = 8};
    struct loop *loop = loop_new(&shape);
    assert_non_null(loop);
    return loop;
}

static void test_jobs_come_back_to_the_loop(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct work *work = work_new(loop, "host=/nonexistent");
    assert_non_null(work);
    static struct job jobs[JOBS];
    int left = JOBS;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.job = {.run = run, .done = done}, .loop = loop, .left = &left};
        assert_int_equal(work_submit(work, WORK_DATABASE, &jobs[i].job), 0);
    }
    assert_int_equal(loop_run(loop), 0);
    for (int i = 0; i < JOBS; i++)
        assert_true(jobs[i].ran && jobs[i].done && !pthread_equal(jobs[i].ran_on, pthread_self()));
    work_free(work);
    loop_free(loop);
}

struct gate {
    struct work_job job;
    pthread_barrier_t *barrier;
};

static void wait_at_gate(struct work_job *job, struct store *store)
{
    (void)store;
    struct gate *gate = lws_container_of(job, struct gate, job);
    pthread_barrier_wait(gate->barrier); // running
    pthread_barrier_wait(gate->barrier); // let go
}

static void ignore(struct work_job *job)
{
    (void)job;
}

static void test_queue_is_bounded(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct work *work = work_new(loop, "host=/nonexistent");
    assert_non_null(work);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, WORK_PASSWORD_THREADS + 1);
    struct gate gates[WORK_PASSWORD_THREADS];
    for (int i = 0; i < WORK_PASSWORD_THREADS; i++) {
        gates[i] = (struct gate){{.run = wait_at_gate, .done = ignore}, &barrier};
        assert_int_equal(work_submit(work, WORK_PASSWORD, &gates[i].job), 0);
    }
    pthread_barrier_wait(&barrier);
    static struct job jobs[WORK_PASSWORD_QUEUE + 1];
    int left = WORK_PASSWORD_QUEUE;
    for (int i = 0; i <= WORK_PASSWORD_QUEUE; i++) {
        jobs[i] = (struct job){.job = {.run = run, .done = done}, .loop = loop, .left = &left};
        assert_int_equal(work_submit(work, WORK_PASSWORD, &jobs[i].job),
                         i < WORK_PASSWORD_QUEUE ? 0 : -EAGAIN);
    }
    pthread_barrier_wait(&barrier);
    assert_int_equal(loop_run(loop), 0);
    assert_false(jobs[WORK_PASSWORD_QUEUE].ran);
    work_free(work);
    pthread_barrier_destroy(&barrier);
    loop_free(loop);
}

static void test_all_jobs_end_with_the_workers(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct work *work = work_new(loop, "host=/nonexistent");
    assert_non_null(work);
    static struct job jobs[JOBS];
    int left = JOBS + 1;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.job = {.run = run, .done = done}, .loop = loop, .left = &left};
        assert_int_equal(work_submit(work, WORK_DATABASE, &jobs[i].job), 0);
    }
    work_free(work);
    for (int i = 0; i < JOBS; i++)
        assert_true(jobs[i].done);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_come_back_to_the_loop),
        cmocka_unit_test(test_queue_is_bounded),
        cmocka_unit_test(test_all_jobs_end_with_the_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
