#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "server/audience.h"
#include "server/clock.h"
#include "server/notices.h"
#include "server/recorder.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/viewer.h"
#include "store/sign_in.h"

#define CHECK_US (30 * SECOND_US) // a sign-in or link that another node ended is noticed within this time
#define CHECKED_MAX 64            // of one job

struct viewers {
    struct server *server;
    struct viewer *first;
    uint64_t last_number;
    struct loop_timer timer;
    struct work_job job;
    bool checking;
    bool check_again;
    struct right {
        struct id id; // of a sign-in, or of a link
        bool guest;
        bool over;
        bool known, control; // of a link: what its row says
    } checked[CHECKED_MAX];
    size_t checked_count;
    size_t skip; // viewers that earlier jobs looked at
};

static void on_timer(void *data)
{
    viewers_check(data);
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

struct viewer *viewers_first(const struct viewers *viewers)
{
    return viewers->first;
}

void viewers_renumber(struct viewers *viewers, struct viewer *viewer)
{
    viewer->number = viewers_number(viewers);
}

uint64_t viewers_number(struct viewers *viewers)
{
    return ++viewers->last_number;
}

void viewers_add(struct viewers *viewers, struct viewer *viewer)
{
    viewers_renumber(viewers, viewer);
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
    bool counted = viewer->counted;
    sandbox->viewer_count -= counted;
    viewer->counted = false;
    viewer->sandbox = NULL;
    if (counted)
        audience_changed(sandbox);
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
    if (recorder_attached(viewers->server, number, fd))
        return;
    struct viewer *viewer = find(viewers, number);
    if (viewer && viewer->asked && !viewer->close_code)
        viewer_stream_begin(viewer, fd);
    else
        close(fd); // the streamer ends by that
}

void viewers_attach_failed(struct viewers *viewers, uint64_t number, int error)
{
    if (recorder_attach_failed(viewers->server, number, error))
        return;
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
        struct right *right = &viewers->checked[i];
        struct store_account account;
        struct store_share share;
        int error = right->guest ? store_share_by_id(store, &right->id, &share)
                                 : store_sign_in_check(store, &right->id, &account);
        right->over = error == -ENOENT || error == -EKEYREVOKED;
        right->known = right->guest && !error;
        right->control = right->known && share.control;
    }
}

static void close_signed_out(struct viewers *viewers, const struct id *sign_in)
{
    for (struct viewer *viewer = viewers->first; viewer; viewer = viewer->next) {
        if (!ticket_is_guest(&viewer->ticket) && id_equal(&viewer->ticket.sign_in, sign_in))
            viewer_close(viewer, CLOSE_SIGNED_OUT, "signed out");
    }
}

static void act(struct viewers *viewers, const struct right *right)
{
    if (right->over && right->guest)
        audience_share_ended(viewers->server, &right->id);
    else if (right->over)
        close_signed_out(viewers, &right->id);
    else if (right->known && !viewers->check_again) // else it may have changed since, and is read again
        audience_set_access(viewers->server, &right->id, right->control);
}

static void check(struct viewers *viewers);

static void done(struct work_job *job)
{
    struct viewers *viewers = lws_container_of(job, struct viewers, job);
    viewers->checking = false;
    for (size_t i = 0; i < viewers->checked_count; i++)
        act(viewers, &viewers->checked[i]);
    bool full = viewers->checked_count == CHECKED_MAX;
    viewers->skip = full && !viewers->check_again ? viewers->skip + CHECKED_MAX : 0;
    if (full || viewers->check_again)
        check(viewers);
}

// What the viewer is there by: its sign-in, or its link.
static const struct id *right_of(const struct viewer *viewer)
{
    return ticket_is_guest(&viewer->ticket) ? &viewer->ticket.share : &viewer->ticket.sign_in;
}

static bool listed(const struct viewers *viewers, const struct id *right)
{
    for (size_t i = 0; i < viewers->checked_count; i++) {
        if (id_equal(&viewers->checked[i].id, right))
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
        if (viewer->close_code || (skip && skip--) || listed(viewers, right_of(viewer)))
            continue;
        viewers->checked[viewers->checked_count++] =
            (struct right){.id = *right_of(viewer), .guest = ticket_is_guest(&viewer->ticket)};
    }
    if (!viewers->checked_count) {
        viewers->skip = 0;
        return;
    }
    viewers->job = (struct work_job){.run = run, .done = done};
    viewers->checking = work_submit(viewers->server->work, WORK_DATABASE, &viewers->job) == 0;
}

void viewers_check(struct viewers *viewers)
{
    if (viewers->first)
        loop_timer_set(viewers->server->loop, &viewers->timer, CHECK_US);
    check(viewers);
}
