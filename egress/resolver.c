#include "egress/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "egress/resolver_keeper.h"
#include "egress/resolver_message.h"
#include "lib/cleanup.h"
#include "lib/ipc.h"
#include "lib/log.h"

struct worker {
    struct watch channel;
    struct resolver *resolver;
    bool busy;
    bool asked_again;                // it died while it was busy
    uint64_t serial;                 // of the latest question
    struct id owner;                 // of the name that it is busy with
    struct resolve_request *request; // NULL: cancelled, or not busy
};

struct resolver {
    struct loop *loop;
    struct worker workers[EGRESS_RESOLVERS];
    unsigned alive;
    struct resolve_request *first, **last;
};

static unsigned running(const struct resolver *resolver, const struct id *owner)
{
    unsigned count = 0;
    for (unsigned i = 0; i < EGRESS_RESOLVERS; i++)
        count += resolver->workers[i].busy && id_equal(&resolver->workers[i].owner, owner);
    return count;
}

static struct worker *idle_worker(struct resolver *resolver)
{
    for (unsigned i = 0; i < EGRESS_RESOLVERS; i++) {
        if (resolver->workers[i].channel.fd >= 0 && !resolver->workers[i].busy)
            return &resolver->workers[i];
    }
    return NULL;
}

// The first request whose owner has a worker left to take.
static struct resolve_request *take_request(struct resolver *resolver)
{
    struct resolve_request **link = &resolver->first;
    while (*link && running(resolver, &(*link)->owner) >= EGRESS_RESOLVERS_PER_SANDBOX)
        link = &(*link)->next;
    struct resolve_request *request = *link;
    if (!request)
        return NULL;
    *link = request->next;
    if (!*link)
        resolver->last = link;
    request->next = NULL;
    return request;
}

static void lose_worker(struct worker *worker)
{
    struct resolver *resolver = worker->resolver;
    struct resolve_request *request = worker->request;
    loop_close(resolver->loop, &worker->channel);
    worker->busy = false;
    worker->request = NULL;
    if (--resolver->alive == 0) {
        log_error("all name resolvers have ended: sandbox-egress ends, to be started again");
        loop_stop(resolver->loop);
        return;
    }
    log_error("a name resolver has ended; the others go on");
    if (request) {
        request->active = false;
        request->done(request, NULL, 0);
    }
}

static int ask(struct worker *worker)
{
    struct resolver_question question = {.serial = worker->serial};
    if (worker->request)
        memcpy(question.name, worker->request->name, sizeof(worker->request->name));
    return ipc_send(worker->channel.fd, &question, sizeof(question), NULL, 0);
}

static void dispatch(struct resolver *resolver)
{
    struct worker *worker;
    while ((worker = idle_worker(resolver))) {
        struct resolve_request *request = take_request(resolver);
        if (!request)
            return;
        worker->busy = true;
        worker->asked_again = false;
        worker->serial++;
        worker->owner = request->owner;
        worker->request = request;
        if (ask(worker) < 0)
            lose_worker(worker);
    }
}

static bool answer_valid(const struct resolver_answer *answer, size_t length)
{
    if (length != sizeof(*answer) || answer->count > EGRESS_CANDIDATES_MAX || answer->restarted > 1)
        return false;
    for (uint32_t i = 0; i < answer->count; i++) {
        if (answer->addresses[i].family != 4 && answer->addresses[i].family != 6)
            return false;
    }
    return true;
}

static void on_answer(struct watch *watch, uint32_t events)
{
    struct worker *worker = CONTAINER_OF(watch, struct worker, channel);
    struct resolver *resolver = worker->resolver;
    struct resolver_answer answer;
    AUTO_PACKET struct ipc_packet packet = {0};
    (void)events;

    int error = ipc_receive(watch->fd, &answer, sizeof(answer), &packet);
    if (error == -EAGAIN)
        return;
    if (error || packet.fd_count > 0 || !answer_valid(&answer, packet.length)) {
        lose_worker(worker);
        return;
    }
    // It may have died after its answer, with the next question on the way: that one's answer comes too late then.
    if (!worker->busy || (!answer.restarted && answer.serial != worker->serial))
        return;
    // It may have died before it read the question. One that it dies of twice has no answer.
    if (answer.restarted && worker->request && !worker->asked_again) {
        worker->asked_again = true;
        if (ask(worker) < 0)
            lose_worker(worker);
        return;
    }
    struct resolve_request *request = steal_pointer(&worker->request);
    worker->busy = false;
    if (request) {
        request->active = false;
        request->done(request, answer.addresses, answer.count);
    }
    dispatch(resolver);
}

static int start_keeper(const int channels[static EGRESS_RESOLVERS])
{
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child == 0)
        resolver_keep(channels);
    return 0;
}

static int start_workers(struct resolver *resolver)
{
    int theirs[EGRESS_RESOLVERS], made = 0, error = 0;
    while (made < (int)EGRESS_RESOLVERS && !error) {
        struct watch *channel = &resolver->workers[made].channel;
        int pair[2];
        error = ipc_pair(0, pair);
        if (error)
            break;
        channel->fd = pair[0];
        theirs[made++] = pair[1];
        error = loop_watch(resolver->loop, channel, EPOLLIN);
    }
    if (!error)
        error = start_keeper(theirs);
    resolver->alive = EGRESS_RESOLVERS;
    while (made > 0)
        close(theirs[--made]);
    return error;
}

static void cleanup_resolver(struct resolver **resolver)
{
    resolver_free(*resolver);
}

int resolver_new(struct loop *loop, struct resolver **ret_resolver)
{
    CLEANUP(cleanup_resolver) struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (!resolver)
        return -ENOMEM;
    resolver->loop = loop;
    resolver->last = &resolver->first;
    for (unsigned i = 0; i < EGRESS_RESOLVERS; i++)
        resolver->workers[i] =
            (struct worker){.channel = {.fd = -1, .ready = on_answer}, .resolver = resolver};
    int error = start_workers(resolver);
    if (error)
        return error;
    *ret_resolver = steal_pointer(&resolver);
    return 0;
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    for (unsigned i = 0; i < EGRESS_RESOLVERS; i++)
        loop_close(resolver->loop, &resolver->workers[i].channel);
    free(resolver);
}

void resolver_start(struct resolver *resolver, struct resolve_request *request)
{
    request->active = true;
    request->next = NULL;
    *resolver->last = request;
    resolver->last = &request->next;
    dispatch(resolver);
}

void resolver_cancel(struct resolver *resolver, struct resolve_request *request)
{
    if (!request->active)
        return;
    request->active = false;
    for (unsigned i = 0; i < EGRESS_RESOLVERS; i++) {
        if (resolver->workers[i].request == request) {
            resolver->workers[i].request = NULL; // it stays busy until its answer comes
            return;
        }
    }
    for (struct resolve_request **link = &resolver->first; *link; link = &(*link)->next) {
        if (*link != request)
            continue;
        *link = request->next;
        if (!*link)
            resolver->last = link;
        return;
    }
}
