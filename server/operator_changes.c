#include "server/operator_changes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "server/change_wish.h"
#include "server/clock.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "store/change.h"

#define RETRY_US SECOND_US

struct operator_changes {
    struct server *server;
    bool wanted; // there may be one
    bool busy;   // with one, or looking for one
    struct work_job job;
    int error;
    struct store_change current;
    struct change_wish wish;
    char problem[STORE_CHANGE_PROBLEM_MAX + 1]; // "": it is done
    struct loop_timer retry;
};

static void look(struct operator_changes *changes);

static void on_retry(void *data)
{
    operator_changes_look(data);
}

struct operator_changes *operator_changes_new(struct server *server)
{
    struct operator_changes *changes = calloc(1, sizeof(*changes));
    if (!changes)
        return NULL;
    changes->server = server;
    changes->retry = (struct loop_timer){.fire = on_retry, .data = changes};
    return changes;
}

void operator_changes_free(struct operator_changes *changes)
{
    if (!changes)
        return;
    loop_timer_cancel(&changes->retry);
    free(changes);
}

static void go_on(struct operator_changes *changes, bool failed)
{
    changes->busy = false;
    if (failed)
        loop_timer_set(changes->server->loop, &changes->retry, RETRY_US);
    else
        look(changes);
}

static void submit(struct operator_changes *changes, void (*run)(struct work_job *, struct store *),
                   void (*done)(struct work_job *))
{
    changes->error = -ECANCELED;
    changes->job = (struct work_job){.run = run, .done = done};
    changes->busy = work_submit(changes->server->work, WORK_DATABASE, &changes->job) == 0;
    if (!changes->busy)
        go_on(changes, true);
}

static void run_answer(struct work_job *job, struct store *store)
{
    struct operator_changes *changes = lws_container_of(job, struct operator_changes, job);
    changes->error =
        store_change_answer(store, &changes->current.id, *changes->problem ? changes->problem : NULL);
}

// Not written: it is found again, and done again, which changes nothing more.
static void answer_done(struct work_job *job)
{
    struct operator_changes *changes = lws_container_of(job, struct operator_changes, job);
    changes->wanted = true;
    go_on(changes, changes->error && changes->error != -ENOENT);
}

static void give_answer(struct operator_changes *changes, const char *problem)
{
    char id[ID_TEXT_SIZE];
    id_format(&changes->current.sandbox, id);
    snprintf(changes->problem, sizeof(changes->problem), "%s", problem);
    log_info(*problem ? "An operator's change is refused" : "An operator's change is in force",
             {"sandbox", id}, {"why", problem});
    submit(changes, run_answer, answer_done);
}

static void answered(void *data, const struct change_outcome *outcome)
{
    struct operator_changes *changes = data;
    const char *problem = outcome->detail ? outcome->detail : "";
    if (!changes->server->work) // the program ends: the next one finds it again
        return;
    if (outcome->store_error)
        problem = "It is in force, but the database did not take it in time. The row follows.";
    give_answer(changes, problem);
}

static void perform(struct operator_changes *changes)
{
    struct server *server = changes->server;
    char wrong[WISH_WRONG_MAX];
    enum problem problem;
    struct sandbox *sandbox = sandboxes_find(server->sandboxes, &changes->current.sandbox);
    memset(&changes->wish, 0, sizeof(changes->wish));
    if (change_wish_read(changes->current.wish, strlen(changes->current.wish), server->config, &changes->wish,
                         &problem, wrong) < 0)
        give_answer(changes, wrong);
    else if (!sandbox || sandbox->state != STATE_RUNNING)
        give_answer(changes, "The sandbox is not running.");
    else if (change_busy(&sandbox->change))
        give_answer(changes, "The sandbox is being changed by somebody else. Try again in a moment.");
    else if (!changes->wish.has_limits && !changes->wish.has_network)
        give_answer(changes, "");
    else
        change_begin(&sandbox->change, &changes->wish, answered, changes);
}

static void run_next(struct work_job *job, struct store *store)
{
    struct operator_changes *changes = lws_container_of(job, struct operator_changes, job);
    changes->error = store_change_next(store, changes->server->node, &changes->current);
}

static void next_done(struct work_job *job)
{
    struct operator_changes *changes = lws_container_of(job, struct operator_changes, job);
    if (changes->error) {
        changes->wanted |= changes->error != -ENOENT;
        go_on(changes, changes->error != -ENOENT);
    } else if (sandboxes_ready(changes->server->sandboxes)) {
        perform(changes);
    } else {
        changes->busy = false; // looked for again when sandboxd is back
        changes->wanted = true;
    }
}

static void look(struct operator_changes *changes)
{
    if (changes->busy || !changes->wanted || !sandboxes_ready(changes->server->sandboxes))
        return;
    changes->wanted = false;
    submit(changes, run_next, next_done);
}

void operator_changes_look(struct operator_changes *changes)
{
    changes->wanted = true;
    look(changes);
}
