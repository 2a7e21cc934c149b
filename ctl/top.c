// sandboxctl top: what this node's sandboxes take, once a second until somebody has seen enough.

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include "ctl/command.h"
#include "ctl/http_get.h"
#include "ctl/top_names.h"
#include "ctl/top_terminal.h"
#include "ctl/top_view.h"
#include "lib/cleanup.h"
#include "lib/fd.h"

#define PERIOD_SECONDS 1
#define KEYS_MAX 64

struct top {
    struct context *context;
    struct top_names names;
    struct top_sample sample; // as it was told, with its rates
    bool told;
    char problem[160]; // of the last question; empty: it was answered
    struct top_view view;
    size_t page; // rows that fit
    struct top_terminal terminal;
    bool done;
};

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

static void cleanup_top(struct top *top)
{
    top_terminal_leave(&top->terminal);
    top_sample_finish(&top->sample);
    top_names_finish(&top->names);
}

static int fetch(const struct context *context, struct top_sample *ret_sample)
{
    AUTO_FREE char *body = NULL;
    unsigned status;
    unsigned port = (unsigned)config_number(context->config, CONFIG_METRICS_PORT);
    int error = http_get("127.0.0.1", port, "/sandboxes", &status, &body);
    if (error)
        return error;
    CLEANUP(cleanup_json) json_t *document = status == 200 ? json_loads(body, 0, NULL) : NULL;
    return document ? top_sample_read(document, ret_sample) : -EPROTO;
}

// Asks the node. What was told before stays on the screen when it does not answer.
static int look(struct top *top)
{
    struct top_sample now;
    int error = fetch(top->context, &now);
    top->problem[0] = '\0';
    if (error) {
        snprintf(top->problem, sizeof(top->problem), "no answer at METRICS_PORT %lld: %s",
                 (long long)config_number(top->context->config, CONFIG_METRICS_PORT), strerror(-error));
        return error;
    }
    top_names_give(&top->names, &now);
    if (top->told)
        top_sample_rates(&now, &top->sample);
    top_sample_finish(&top->sample);
    top->sample = now;
    top->told = true;
    return 0;
}

// The rows as they are wished for, of a copy: the next sample is compared with what was told. Rows are owned by the copy.
static int arrange(const struct top *top, struct top_sample *ret_shown)
{
    struct top_sample shown = top->sample;
    shown.rows = calloc(shown.row_count + 1, sizeof(*shown.rows));
    if (!shown.rows)
        return -ENOMEM;
    if (shown.row_count > 0)
        memcpy(shown.rows, top->sample.rows, shown.row_count * sizeof(*shown.rows));
    if (top->view.by_owner)
        top_sample_by_owner(&shown);
    top_sample_sort(&shown, top->view.key, top->view.reversed);
    *ret_shown = shown;
    return 0;
}

static void tell_time(char clock[static 16], int64_t *ret_us)
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_us = now.tv_sec * 1000000ll + now.tv_nsec / 1000;
    if (!localtime_r(&now.tv_sec, &parts) || !strftime(clock, 16, "%H:%M:%S", &parts))
        clock[0] = '\0';
}

// One write, so that nobody sees half a screen.
static int draw(struct top *top)
{
    CLEANUP(top_sample_finish) struct top_sample shown = {0};
    AUTO_FREE char *text = NULL;
    size_t length = 0;
    char clock[16];
    int error = arrange(top, &shown);
    FILE *out = error ? NULL : open_memstream(&text, &length);
    if (!out)
        return error ? error : -ENOMEM;
    struct top_row total = top_sample_total(&top->sample);
    tell_time(clock, &top->view.now_us);
    top->view.clock = clock;
    top->view.problem = top->problem[0] ? top->problem : NULL;
    if (top->view.terminal)
        top_terminal_size(&top->view.columns, &top->view.lines);
    size_t last = shown.row_count > top->page ? shown.row_count - top->page : 0;
    if (top->view.first > last)
        top->view.first = last;
    top->page = top_view_print(out, &top->view, top->told ? &shown : NULL, &total);
    if (fclose(out) != 0)
        return -ENOMEM;
    return write_all(STDOUT_FILENO, text, length);
}

static int snapshot(struct top *top, int timer)
{
    uint64_t rang;
    int error = look(top);
    // Rates are of a second: a short wait that the clock ends.
    if (!error)
        error = read(timer, &rang, sizeof(rang)) < 0 ? -errno : look(top);
    if (error) {
        complain(top->context, "%s", top->problem[0] ? top->problem : strerror(-error));
        return STATUS_FAILED;
    }
    top->view.columns = 512;
    return draw(top) ? STATUS_FAILED : STATUS_OK;
}

static void scroll(struct top *top, long rows)
{
    long first = (long)top->view.first + rows;
    top->view.first = first > 0 ? (size_t)first : 0; // draw() bounds the end
}

// An arrow or a page key: ESC [ and one more, or ESC [ 5 ~. Returns how many characters it took.
static size_t take_escape(struct top *top, const char *keys)
{
    static const struct {
        const char *sequence;
        int lines, pages;
    } known[] = {{"\033[A", -1, 0}, {"\033[B", 1, 0},   {"\033OA", -1, 0},
                 {"\033OB", 1, 0},  {"\033[5~", 0, -1}, {"\033[6~", 0, 1}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t length = strlen(known[i].sequence);
        if (strncmp(keys, known[i].sequence, length) == 0) {
            scroll(top, known[i].lines + known[i].pages * (long)(top->page > 1 ? top->page - 1 : 1));
            return length;
        }
    }
    // Another key, of which nothing is a command: ECMA-48 ends a sequence with a byte of @ to ~.
    size_t length = 1 + (keys[1] == '[' || keys[1] == 'O');
    while (length > 1 && keys[length] && (keys[length] < '@' || keys[length] > '~'))
        length++;
    return length + (length > 1 && keys[length]);
}

static void take_key(struct top *top, char key)
{
    static const char keys[TOP_KEY_COUNT] = {
        [TOP_BY_CPU] = 'c',     [TOP_BY_MEMORY] = 'm',  [TOP_BY_TASKS] = 'p',
        [TOP_BY_FRAMES] = 'f',  [TOP_BY_BITRATE] = 'b', [TOP_BY_VIEWERS] = 'v',
        [TOP_BY_LATENCY] = 'l', [TOP_BY_AGE] = 'a',     [TOP_BY_OWNER] = 'o',
    };
    const char *found = memchr(keys, key, sizeof(keys));
    if (found) {
        top->view.key = (enum top_key)(found - keys);
        top->view.first = 0;
    } else if (key == 'r') {
        top->view.reversed = !top->view.reversed;
    } else if (key == 'u') {
        top->view.by_owner = !top->view.by_owner;
        top->view.first = 0;
    } else if (key == 'q') {
        top->done = true;
    }
}

// 0, or -errno: the terminal is gone.
static int take_keys(struct top *top)
{
    char keys[KEYS_MAX + 1];
    ssize_t n = read(STDIN_FILENO, keys, KEYS_MAX);
    if (n <= 0)
        return n < 0 && errno != EAGAIN ? -errno : -ENOTTY; // it was said to be readable
    for (ssize_t i = 0; i < n; i++) {
        if (keys[i] == '\0')
            keys[i] = ' ';
    }
    keys[n] = '\0';
    for (const char *at = keys; *at;) {
        if (*at == '\033')
            at += take_escape(top, at);
        else
            take_key(top, *at++);
    }
    return 0;
}

static int take_signal(struct top *top, int signals)
{
    struct signalfd_siginfo signal;
    if (read(signals, &signal, sizeof(signal)) != sizeof(signal))
        return -errno;
    switch (signal.ssi_signo) {
    case SIGTSTP:
        top_terminal_leave(&top->terminal);
        raise(SIGSTOP); // until the shell says fg
        return top_terminal_enter(&top->terminal);
    case SIGWINCH:
        return 0; // drawn anew
    default:
        top->done = true;
        return 0;
    }
}

static int live(struct top *top, int timer, int signals)
{
    uint64_t rang;
    int error = top_terminal_enter(&top->terminal);
    (void)look(top); // the screen says what is wrong
    while (!error && !top->done) {
        error = draw(top);
        struct pollfd watched[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                   {.fd = signals, .events = POLLIN},
                                   {.fd = timer, .events = POLLIN}};
        if (!error && poll(watched, sizeof(watched) / sizeof(watched[0]), -1) < 0)
            error = -errno;
        if (!error && watched[1].revents)
            error = take_signal(top, signals);
        if (!error && watched[0].revents)
            error = take_keys(top);
        if (!error && watched[2].revents) {
            error = read(timer, &rang, sizeof(rang)) < 0 ? -errno : 0;
            (void)look(top);
        }
    }
    top_terminal_leave(&top->terminal);
    if (!error || error == -EIO || error == -ENOTTY) // the terminal was closed: nobody looks any more
        return STATUS_OK;
    complain(top->context, "%s", strerror(-error));
    return STATUS_FAILED;
}

static int open_signals(int *ret_fd)
{
    static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        sigaddset(&set, wanted[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

static int open_timer(int *ret_fd)
{
    struct itimerspec period = {.it_interval.tv_sec = PERIOD_SECONDS, .it_value.tv_sec = PERIOD_SECONDS};
    *ret_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    return *ret_fd < 0 || timerfd_settime(*ret_fd, 0, &period, NULL) < 0 ? -errno : 0;
}

int top(struct context *context)
{
    AUTO_FD int timer = -1;
    AUTO_FD int signals = -1;
    if (config_number(context->config, CONFIG_METRICS_PORT) == 0) {
        complain(context,
                 "METRICS_PORT is not set: set it in config.env (a free port) and restart sandbox-server");
        return STATUS_FAILED;
    }
    bool full = top_terminal_usable() && !context->options.values[OPTION_ONCE];
    CLEANUP(cleanup_top)
    struct top top = {.context = context, .view = {.terminal = full}, .terminal = TOP_TERMINAL_NONE};
    top.view.colour = full && top_terminal_colour();
    top_names_init(&top.names, context);
    int error = open_timer(&timer);
    if (!error && full)
        error = open_signals(&signals);
    if (error) {
        complain(context, "%s", strerror(-error));
        return STATUS_FAILED;
    }
    return full ? live(&top, timer, signals) : snapshot(&top, timer);
}
