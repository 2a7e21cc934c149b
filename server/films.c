#include "server/films.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "server/clock.h"
#include "server/film.h"
#include "server/limits.h"
#include "server/sandboxd_client.h"
#include "server/server.h"

#define AGAIN_US (SECOND_US / 4) // sandboxd's exporter may not have ended yet when its film is whole
#define NO_EXPORTER "No exporter could be started. The administrator finds the reason in the server's log."

struct films {
    struct server *server;
    struct film *first; // in the order in which they are made
    unsigned count;
    unsigned closed; // so many have had their files closed
    uint64_t number; // of the last request to sandboxd
    struct loop_timer again;
};

static void end_channel(struct film *film)
{
    loop_watch_remove(film->films->server->loop, &film->watch);
    if (film->channel >= 0)
        close(steal_fd(&film->channel)); // sandboxd ends the exporter by that
}

static void free_film(struct film *film)
{
    struct film **link = &film->films->first;
    while (*link != film)
        link = &(*link)->next;
    *link = film->next;
    film->films->count--;
    end_channel(film);
    cleanup_fd(&film->files.stream);
    cleanup_fd(&film->files.film);
    free(film);
}

static void make_next(struct films *films);

static void close_files(struct film *film)
{
    cleanup_fd(&film->files.stream);
    cleanup_fd(&film->files.film);
    film->files.stream = film->files.film = -1;
}

static void fail(struct film *film, const char *problem)
{
    film->step = FILM_STEP_FAILED;
    film->problem = problem;
    close_files(film);
    if (film->dropped)
        free_film(film);
}

static const char *problem_of(enum export_state state)
{
    switch (state) {
    case EXPORT_DONE:
    case EXPORT_DAMAGED:
        return NULL;
    case EXPORT_EMPTY:
        return "Nothing was shown while this was recorded.";
    case EXPORT_TOO_LARGE:
        return "There is no room for the film. Delete recordings that you no longer need.";
    default:
        return "The film could not be made.";
    }
}

static void run_close(struct work_job *job, struct store *store)
{
    (void)store;
    struct film *film = lws_container_of(job, struct film, job);
    film->error = film_files_close(&film->files, film->problem == NULL);
}

static void on_closed(struct work_job *job)
{
    struct film *film = lws_container_of(job, struct film, job);
    struct films *films = film->films;
    char id[ID_TEXT_SIZE];
    films->closed++;
    id_format(&film->files.recording, id);
    if (film->error && !film->dropped)
        log_error("The film of a recording can't be kept", {"recording", id},
                  {"reason", strerror(-film->error)});
    if (!film->problem && !film->error) {
        log_info("A recording became a film", {"recording", id},
                 {"whole", film->state == EXPORT_DONE ? "yes" : "no: the recording is damaged"});
        free_film(film);
    } else if (film->again && !film->dropped) {
        film->step = FILM_STEP_WAITING;
        film->again = false;
        film->alone = true;
        film->permille = 0;
        film->problem = NULL;
    } else {
        fail(film, film->problem            ? film->problem
                   : film->error == -EDQUOT ? problem_of(EXPORT_TOO_LARGE)
                                            : "The film can't be written.");
    }
    make_next(films);
}

// With a problem the film is removed.
static void close_film(struct film *film, const char *problem)
{
    end_channel(film);
    film->step = FILM_STEP_CLOSING;
    film->problem = problem;
    film->job = (struct work_job){.run = run_close, .done = on_closed};
    // The lane has room for more than there are: EXPORTERS_MAX at once.
    if (work_submit(film->films->server->work, WORK_RECORDING, &film->job) < 0)
        fail(film, "The server is too busy.");
}

static void wait_again(struct film *film)
{
    end_channel(film);
    film->step = FILM_STEP_WAITING;
    close_files(film);
    loop_timer_set(film->films->server->loop, &film->films->again, AGAIN_US);
}

static void on_report(void *data, uint32_t events)
{
    (void)events;
    struct film *film = data;
    for (;;) {
        AUTO_PACKET struct ipc_packet packet = {.fds = {-1, -1, -1, -1}};
        struct export_report report;
        int error = ipc_receive(film->channel, &report, sizeof(report), &packet);
        if (error == -EAGAIN)
            return;
        if (!error)
            error = packet.fd_count ? -EPROTO : export_report_check(&report, packet.length);
        if (error) {
            close_film(film, problem_of(EXPORT_WORKING)); // it ended, or broke the protocol
            return;
        }
        film->permille = report.permille;
        film->state = (enum export_state)report.state;
        if (film->state != EXPORT_WORKING) {
            film->again = film->state == EXPORT_TOO_LARGE && !film->alone;
            close_film(film, problem_of(film->state));
            return;
        }
    }
}

static void run_open(struct work_job *job, struct store *store)
{
    (void)store;
    struct film *film = lws_container_of(job, struct film, job);
    film->error = film_files_open(&film->files);
}

static void make(struct film *film);

static void on_opened(struct work_job *job)
{
    struct film *film = lws_container_of(job, struct film, job);
    struct films *films = film->films;
    if (films->server->stopping)
        return;                                          // films_free
    if (!film->error && film->closed != films->closed) { // what is free was counted while another one ended
        close_files(film);
        make(film);
        return;
    }
    struct sandboxd_message message = {.kind = SANDBOXD_EXPORT, .export = {.number = ++films->number}};
    film->number = films->number;
    film->room = film->error ? 0 : film_room(films->first, film);
    film->step = FILM_STEP_ASKED;
    if (film->error || film->dropped)
        close_film(film, film->error == -EDQUOT ? problem_of(EXPORT_TOO_LARGE) : problem_of(EXPORT_WORKING));
    else if (sandboxd_client_send(films->server->sandboxd, &message) < 0)
        wait_again(film);
}

static void make(struct film *film)
{
    film->step = FILM_STEP_OPENING;
    film->room = 0;
    film->closed = film->films->closed;
    film->job = (struct work_job){.run = run_open, .done = on_opened};
    if (work_submit(film->films->server->work, WORK_RECORDING, &film->job) < 0)
        wait_again(film);
}

static void make_next(struct films *films)
{
    unsigned busy = 0;
    for (const struct film *film = films->first; film; film = film->next)
        busy += film_under_way(film);
    if (films->server->stopping || !sandboxd_client_welcome(films->server->sandboxd))
        return;
    for (struct film *film; busy < EXPORTERS_MAX && (film = film_next(films->first)); busy++)
        make(film);
}

static void on_again(void *data)
{
    make_next(data);
}

static struct film *find(const struct films *films, const struct id *recording)
{
    struct film *film = films->first;
    while (film && (film->dropped || !id_equal(&film->files.recording, recording)))
        film = film->next;
    return film;
}

static struct film *find_asked(const struct films *films, uint64_t number)
{
    struct film *film = films->first;
    while (film && (film->step != FILM_STEP_ASKED || film->number != number))
        film = film->next;
    return film;
}

// Gives the exporter its files.
static int start(struct film *film)
{
    struct export_start start = {.magic = EXPORT_START_MAGIC, .bytes_max = film->room};
    int fds[] = {film->files.stream, film->files.film};
    int error = set_nonblocking(film->channel);
    if (!error)
        error = ipc_send(film->channel, &start, sizeof(start), fds, 2);
    if (!error)
        error = loop_watch_add(film->films->server->loop, &film->watch, film->channel, EPOLLIN);
    return error;
}

void films_exported(struct films *films, uint64_t number, int channel)
{
    struct film *film = find_asked(films, number);
    if (!film) {
        close(channel);
        return;
    }
    film->channel = channel;
    film->step = FILM_STEP_WORKING;
    if (film->dropped || start(film) < 0)
        close_film(film, problem_of(EXPORT_WORKING));
}

void films_export_failed(struct films *films, uint64_t number, int error)
{
    struct film *film = find_asked(films, number);
    if (!film)
        return;
    if (error == EUSERS && !film->dropped) {
        wait_again(film);
        return;
    }
    log_error("An exporter could not be started", {"error", strerror(error)});
    close_film(film, NO_EXPORTER);
}

void films_connected(struct films *films)
{
    make_next(films);
}

void films_disconnected(struct films *films)
{
    for (struct film *film = films->first; film; film = film->next) {
        if (film->step == FILM_STEP_ASKED)
            wait_again(film);
    }
}

// Makes room by the oldest that has failed.
static bool make_room(struct films *films)
{
    struct film *film = films->first;
    while (films->count >= FILMS_MAX && film && film->step != FILM_STEP_FAILED)
        film = film->next;
    if (films->count < FILMS_MAX)
        return true;
    if (film)
        free_film(film);
    return film != NULL;
}

static unsigned count_of(const struct films *films, const struct id *account)
{
    unsigned count = 0;
    for (const struct film *film = films->first; film; film = film->next)
        count += film->step != FILM_STEP_FAILED && id_equal(&film->files.account, account);
    return count;
}

int films_begin(struct films *films, const struct id *recording, const struct id *account)
{
    struct film *film = find(films, recording);
    if (film && film->step == FILM_STEP_FAILED)
        free_film(film);
    else if (film)
        return 0;
    if (count_of(films, account) >= FILMS_PER_ACCOUNT)
        return -EDQUOT;
    if (!make_room(films))
        return -EAGAIN;
    film = calloc(1, sizeof(*film));
    if (!film)
        return -ENOMEM;
    const struct config *config = films->server->config;
    *film = (struct film){
        .films = films,
        .files = {.directory = config_text(config, CONFIG_RECORDINGS_DIR),
                  .quota = (uint64_t)config_number(config, CONFIG_RECORDING_QUOTA_MB) << 20,
                  .recording = *recording,
                  .account = *account,
                  .stream = -1,
                  .film = -1},
        .channel = -1,
        .watch = LOOP_WATCH_NONE,
    };
    film->watch.ready = on_report;
    film->watch.data = film;
    struct film **last = &films->first;
    while (*last)
        last = &(*last)->next;
    *last = film;
    films->count++;
    make_next(films);
    return 0;
}

struct film_status films_status(const struct films *films, const struct id *recording)
{
    const struct film *film = find(films, recording);
    if (!film)
        return (struct film_status){FILM_NONE, 0, NULL};
    if (film->step == FILM_STEP_FAILED)
        return (struct film_status){FILM_FAILED, 0, film->problem};
    bool working = film->step == FILM_STEP_WORKING || film->step == FILM_STEP_CLOSING;
    return (struct film_status){working ? FILM_WORKING : FILM_WAITING, film->permille, NULL};
}

void films_drop(struct films *films, const struct id *recording)
{
    struct film *film = find(films, recording);
    if (!film)
        return;
    film->dropped = true;
    if (!film_under_way(film))
        free_film(film);
    else if (film->step == FILM_STEP_WORKING)
        close_film(film, problem_of(EXPORT_WORKING));
    // else whoever has it sees it
}

struct films *films_new(struct server *server)
{
    struct films *films = calloc(1, sizeof(*films));
    if (!films)
        return NULL;
    films->server = server;
    films->again = (struct loop_timer){.fire = on_again, .data = films};
    return films;
}

void films_free(struct films *films)
{
    if (!films)
        return;
    loop_timer_cancel(&films->again);
    while (films->first)
        free_film(films->first);
    free(films);
}
