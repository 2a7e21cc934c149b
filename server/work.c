#include "server/work.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "server/limits.h"

#define WORK_THREADS_MAX 4

struct queue {
    struct work_job *first;
    struct work_job **last;
    unsigned length;
};

struct lane {
    struct work *work;
    struct queue queue;
    unsigned queue_max;
    unsigned thread_count;
    int niceness;
    pthread_cond_t filled;
    pthread_t threads[WORK_THREADS_MAX];
    unsigned started;
};

struct work {
    struct loop *loop;
    const char *database_url; // valid while the threads start
    pthread_mutex_t lock;     // for all below, but the watch
    struct lane lanes[WORK_LANE_COUNT];
    struct queue finished;
    bool stopping;
    int event_fd;
    struct loop_watch watch;
};

static void queue_init(struct queue *queue)
{
    *queue = (struct queue){.last = &queue->first};
}

static void queue_push(struct queue *queue, struct work_job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
    queue->length++;
}

static struct work_job *queue_pop(struct queue *queue)
{
    struct work_job *job = queue->first;
    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->length--;
    return job;
}

static void wake_loop(struct work *work)
{
    uint64_t one = 1;
    // An eventfd counts up to 2^64 - 2: the write can't block.
    if (write(work->event_fd, &one, sizeof(one)) != sizeof(one))
        abort();
}

static struct work_job *next_job(struct lane *lane)
{
    struct work *work = lane->work;
    pthread_mutex_lock(&work->lock);
    while (!lane->queue.first && !work->stopping)
        pthread_cond_wait(&lane->filled, &work->lock);
    struct work_job *job = work->stopping ? NULL : queue_pop(&lane->queue);
    pthread_mutex_unlock(&work->lock);
    return job;
}

struct thread_start {
    struct lane *lane;
    struct store *store;
};

static void *worker(void *argument)
{
    struct thread_start *start = argument;
    struct lane *lane = start->lane;
    struct store *store = start->store;
    free(start);
    // Hashing must not slow the stream down. Linux keeps niceness per thread (setpriority(2), "C library/kernel differences").
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + lane->niceness);
    for (struct work_job *job; (job = next_job(lane));) {
        job->run(job, store);
        pthread_mutex_lock(&lane->work->lock);
        queue_push(&lane->work->finished, job);
        pthread_mutex_unlock(&lane->work->lock);
        wake_loop(lane->work);
    }
    store_free(store);
    return NULL;
}

static int start_thread(struct lane *lane)
{
    AUTO_FREE struct thread_start *start = calloc(1, sizeof(*start));
    struct store *store = store_new(lane->work->database_url);
    if (!start || !store) {
        store_free(store);
        return -ENOMEM;
    }
    *start = (struct thread_start){lane, store};
    int error = pthread_create(&lane->threads[lane->started], NULL, worker, start);
    if (error) {
        store_free(store);
        return -error;
    }
    (void)steal_pointer(&start);
    lane->started++;
    return 0;
}

// Signals are the loop's: a thread inherits the mask of its maker.
static int start_threads(struct work *work)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    for (int i = 0; i < WORK_LANE_COUNT && !error; i++) {
        while (work->lanes[i].started < work->lanes[i].thread_count && !error)
            error = start_thread(&work->lanes[i]);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void finish_jobs(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    struct work_job *job = work->finished.first;
    queue_init(&work->finished);
    pthread_mutex_unlock(&work->lock);
    while (job) {
        struct work_job *next = job->next;
        job->done(job);
        job = next;
    }
}

static void on_event(void *data, uint32_t events)
{
    (void)events;
    struct work *work = data;
    uint64_t count;
    if (read(work->event_fd, &count, sizeof(count)) == sizeof(count))
        finish_jobs(work);
}

struct work *work_new(struct loop *loop, const char *database_url)
{
    static const struct lane shapes[WORK_LANE_COUNT] = {
        [WORK_DATABASE] = {.queue_max = WORK_DATABASE_QUEUE, .thread_count = WORK_DATABASE_THREADS},
        [WORK_PASSWORD] = {.queue_max = WORK_PASSWORD_QUEUE,
                           .thread_count = WORK_PASSWORD_THREADS,
                           .niceness = 5},
        [WORK_RECORDING] = {.queue_max = WORK_RECORDING_QUEUE, .thread_count = WORK_RECORDING_THREADS},
        [WORK_PLAYBACK] = {.queue_max = WORK_PLAYBACK_QUEUE, .thread_count = WORK_PLAYBACK_THREADS},
    };
    struct work *work = calloc(1, sizeof(*work));
    if (!work)
        return NULL;
    work->loop = loop;
    work->database_url = database_url;
    work->watch = (struct loop_watch){.fd = -1, .ready = on_event, .data = work};
    pthread_mutex_init(&work->lock, NULL);
    queue_init(&work->finished);
    for (int i = 0; i < WORK_LANE_COUNT; i++) {
        work->lanes[i] = shapes[i];
        work->lanes[i].work = work;
        queue_init(&work->lanes[i].queue);
        pthread_cond_init(&work->lanes[i].filled, NULL);
    }
    work->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (work->event_fd < 0 || loop_watch_add(loop, &work->watch, work->event_fd, EPOLLIN) < 0 ||
        start_threads(work) < 0) {
        work_free(work);
        return NULL;
    }
    work->database_url = NULL;
    return work;
}

void work_free(struct work *work)
{
    if (!work)
        return;
    pthread_mutex_lock(&work->lock);
    work->stopping = true;
    pthread_mutex_unlock(&work->lock);
    for (int i = 0; i < WORK_LANE_COUNT; i++) {
        struct lane *lane = &work->lanes[i];
        pthread_cond_broadcast(&lane->filled);
        for (unsigned t = 0; t < lane->started; t++)
            pthread_join(lane->threads[t], NULL);
        for (struct work_job *job; (job = queue_pop(&lane->queue));)
            queue_push(&work->finished, job);
        pthread_cond_destroy(&lane->filled);
    }
    finish_jobs(work);
    loop_watch_remove(work->loop, &work->watch);
    if (work->event_fd >= 0)
        close(work->event_fd);
    pthread_mutex_destroy(&work->lock);
    free(work);
}

int work_submit(struct work *work, enum work_lane lane, struct work_job *job)
{
    struct lane *to = &work->lanes[lane];
    int error = -EAGAIN;
    pthread_mutex_lock(&work->lock);
    if (!work->stopping && to->queue.length < to->queue_max) {
        queue_push(&to->queue, job);
        pthread_cond_signal(&to->filled);
        error = 0;
    }
    pthread_mutex_unlock(&work->lock);
    return error;
}
