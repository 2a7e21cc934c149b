#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/clock.h"
#include "server/notices.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/viewer.h"
#include "store/sign_in.h"

#define CHECK_US (30 * SECOND_US) // a sign-in that another node ended is noticed within this time
#define CHECKED_MAX 64            // sign-ins of one job

struct viewers {
    struct server *server;
    struct viewer *first;
    uint64_t last_number;
    struct loop_timer timer;
    struct work_job job;
    bool checking;
    bool check_again;
    struct {
        struct id sign_in;
        bool over;
    } checked[CHECKED_MAX];
    size_t checked_count;
    size_t skip; // sign-ins that earlier jobs looked at
};

static void on_timer(void *data)
{
    viewers_check_sign_ins(data);
}

struct viewers *viewers_new(struct server *server)
{
    struct viewers *viewers = calloc(1, sizeof(*viewers));
    if (!viewers)
        return NULL;
    viewers->server = server;
    viewers->timer = (struct loop_timer){.fire = on_timer, .data = viewers};
    return viewers;
}

void viewers_free(struct viewers *viewers)
{
    if (!viewers)
        return;
    loop_timer_cancel(&viewers->timer);
    free(viewers);
}

struct server *viewers_server(const struct viewers *viewers)
{
    return viewers->server;
}

void viewers_add(struct viewers *viewers, struct viewer *viewer)
{
    viewer->number = ++viewers->last_number;
    viewer->next = viewers->first;
    if (!viewers->first)
        loop_timer_set(viewers->server->loop, &viewers->timer, CHECK_US);
    viewers->first = viewer;
    viewer->next_of_sandbox = viewer->sandbox->viewers;
    viewer->sandbox->viewers = viewer;
}

static void leave_sandbox(struct viewer *viewer)
{
    struct sandbox *sandbox = viewer->sandbox;
    if (!sandbox)
        return;
    struct viewer **link = &sandbox->viewers;
    while (*link != viewer)
        link = &(*link)->next_of_sandbox;
    *link = viewer->next_of_sandbox;
    sandbox->viewer_count -= viewer->counted;
    viewer->counted = false;
    viewer->sandbox = NULL;
}

void viewers_remove(struct viewers *viewers, struct viewer *viewer)
{
    leave_sandbox(viewer);
    struct viewer **link = &viewers->first;
    while (*link != viewer)
        link = &(*link)->next;
    *link = viewer->next;
    if (!viewers->first)
        loop_timer_cancel(&viewers->timer);
}

void viewers_notice(struct sandbox *sandbox, char *text)
{
    for (struct viewer *viewer = sandbox->viewers; text && viewer; viewer = viewer->next_of_sandbox)
        viewer_notice(viewer, strdup(text));
    free(text);
}

void viewers_started(struct sandbox *sandbox)
{
    viewers_notice(sandbox,
                   notice_session(&sandbox->row.id, sandbox->row.expires_us, sandbox->row.idle_expires_us));
}

void viewers_end(struct sandbox *sandbox, enum stop_reason reason, const char *detail)
{
    viewers_notice(sandbox, notice_ended(reason, detail));
    for (struct viewer *viewer = sandbox->viewers; viewer; viewer = viewer->next_of_sandbox)
        viewer_close(viewer, CLOSE_ENDED, stop_reason_name(reason));
    viewers_forget(sandbox);
}

void viewers_forget(struct sandbox *sandbox)
{
    while (sandbox->viewers)
        leave_sandbox(sandbox->viewers);
}

void viewers_account_disabled(struct viewers *viewers, const struct id *account)
{
    for (struct viewer *viewer = viewers->first; viewer; viewer = viewer->next) {
        if (id_equal(&viewer->ticket.account, account))
            viewer_close(viewer, CLOSE_SIGNED_OUT, "the account was disabled");
    }
}

void viewers_go_away(struct viewers *viewers)
{
    for (struct viewer *viewer = viewers->first; viewer; viewer = viewer->next)
        viewer_close(viewer, CLOSE_GOING_AWAY, "the server is being restarted");
}

void viewers_sandboxd_gone(struct viewers *viewers)
{
    for (struct viewer *viewer = viewers->first; viewer; viewer = viewer->next) {
        if (!viewer->asked)
            continue;
        viewer->asked = false;
        loop_timer_cancel(&viewer->retry);
        viewer_stream_lost(viewer);
    }
}

void viewers_sandboxd_back(struct viewers *viewers)
{
    for (struct viewer *viewer = viewers->first; viewer; viewer = viewer->next) {
        if (viewer->established && viewer->stream < 0 && !viewer->asked)
            viewer_attach(viewer);
    }
}

static struct viewer *find(const struct viewers *viewers, uint64_t number)
{
    struct viewer *viewer = viewers->first;
    while (viewer && viewer->number != number)
        viewer = viewer->next;
    return viewer;
}

void viewers_attached(struct viewers *viewers, uint64_t number, int fd)
{
    struct viewer *viewer = find(viewers, number);
    if (viewer && viewer->asked && !viewer->close_code)
        viewer_stream_begin(viewer, fd);
    else
        close(fd); // the streamer ends by that
}

void viewers_attach_failed(struct viewers *viewers, uint64_t number, int error)
{
    struct viewer *viewer = find(viewers, number);
    if (!viewer || !viewer->asked)
        return;
    viewer->asked = false;
    // The streamers of viewers that have just left may not have ended yet; ours alone are counted exactly.
    if (error == EUSERS && viewer->attempts > 3) {
        viewer_close(viewer, CLOSE_TOO_MANY_VIEWERS, "too many viewers of this sandbox");
        return;
    }
    log_warning("A streamer could not be started", {"error", strerror(error)});
    viewer_stream_lost(viewer);
}

static void run(struct work_job *job, struct store *store)
{
    struct viewers *viewers = lws_container_of(job, struct viewers, job);
    for (size_t i = 0; i < viewers->checked_count; i++) {
        struct store_account account;
        int error = store_sign_in_check(store, &viewers->checked[i].sign_in, &account);
        viewers->checked[i].over = error == -ENOENT || error == -EKEYREVOKED;
    }
}

static void close_over(struct viewers *viewers, const struct id *sign_in)
{
    for (struct viewer *viewer = viewers->first; viewer; viewer = viewer->next) {
        if (id_equal(&viewer->ticket.sign_in, sign_in))
            viewer_close(viewer, CLOSE_SIGNED_OUT, "signed out");
    }
}

static void check(struct viewers *viewers);

static void done(struct work_job *job)
{
    struct viewers *viewers = lws_container_of(job, struct viewers, job);
    viewers->checking = false;
    for (size_t i = 0; i < viewers->checked_count; i++) {
        if (viewers->checked[i].over)
            close_over(viewers, &viewers->checked[i].sign_in);
    }
    bool full = viewers->checked_count == CHECKED_MAX;
    viewers->skip = full ? viewers->skip + CHECKED_MAX : 0;
    if (full || viewers->check_again)
        check(viewers);
}

static bool listed(const struct viewers *viewers, const struct id *sign_in)
{
    for (size_t i = 0; i < viewers->checked_count; i++) {
        if (id_equal(&viewers->checked[i].sign_in, sign_in))
            return true;
    }
    return false;
}

static void check(struct viewers *viewers)
{
    if (viewers->checking) {
        viewers->check_again = true;
        return;
    }
    viewers->check_again = false;
    viewers->checked_count = 0;
    size_t skip = viewers->skip;
    for (struct viewer *viewer = viewers->first; viewer && viewers->checked_count < CHECKED_MAX;
         viewer = viewer->next) {
        if (viewer->close_code || (skip && skip--))
            continue;
        if (!listed(viewers, &viewer->ticket.sign_in)) {
            viewers->checked[viewers->checked_count].sign_in = viewer->ticket.sign_in;
            viewers->checked[viewers->checked_count++].over = false;
        }
    }
    if (!viewers->checked_count) {
        viewers->skip = 0;
        return;
    }
    viewers->job = (struct work_job){.run = run, .done = done};
    viewers->checking = work_submit(viewers->server->work, WORK_DATABASE, &viewers->job) == 0;
}

void viewers_check_sign_ins(struct viewers *viewers)
{
    if (viewers->first)
        loop_timer_set(viewers->server->loop, &viewers->timer, CHECK_US);
    check(viewers);
}
