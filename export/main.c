// sandbox-export: makes an MP4 file of a recording. sandboxd starts it for sandbox-server, with the channel of lib/export_channel.h and without an argument;
// an operator gives it two files.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "export/confinement.h"
#include "export/exporter.h"
#include "lib/cleanup.h"
#include "lib/export_channel.h"
#include "lib/ipc.h"
#include "lib/log.h"

#define NICENESS 10

static int give_up(const char *problem, int error)
{
    log_error("the export ends", {"problem", problem}, {"error", strerror(-error)});
    return EXIT_FAILURE;
}

// A report that the socket does not take is told by the next one, but for the last.
static int report(int channel, enum export_state state, unsigned permille)
{
    const struct export_report report = {.state = state, .permille = permille};
    int error = ipc_send(channel, &report, sizeof(report), NULL, 0);
    return error == -EAGAIN ? 0 : error;
}

static int on_progress(void *data, unsigned permille)
{
    const int *channel = data;
    return report(*channel, EXPORT_WORKING, permille);
}

static int on_terminal(void *data, unsigned permille)
{
    const bool *terminal = data;
    if (*terminal)
        fprintf(stderr, "\r%u %%", permille / 10);
    return 0;
}

static int confine_exporter(uint64_t bytes_max)
{
    const char *problem = "";
    // What waits for a film can wait; whoever watches a desktop can't.
    setpriority(PRIO_PROCESS, 0, NICENESS);
    int error = confinement_enter(bytes_max, &problem);
    return error ? (give_up(problem, error), error) : 0;
}

static int take_start(struct export_start *ret_start, int ret_fds[static 2])
{
    AUTO_PACKET struct ipc_packet packet = {.fds = {-1, -1, -1, -1}};
    struct export_start start;
    int error = ipc_receive(EXPORT_CHANNEL_FD, &start, sizeof(start), &packet);
    if (!error)
        error = export_start_check(&start, packet.length, packet.fd_count);
    if (error)
        return error;
    *ret_start = start;
    ret_fds[0] = steal_fd(&packet.fds[0]);
    ret_fds[1] = steal_fd(&packet.fds[1]);
    return 0;
}

static enum export_state state_of(int error, const struct exporter_outcome *outcome)
{
    return error == -ENODATA || error == -EPROTO                     ? EXPORT_EMPTY
           : error == -EFBIG || error == -ENOSPC || error == -EDQUOT ? EXPORT_TOO_LARGE
           : outcome->damage                                         ? EXPORT_DAMAGED
                                                                     : EXPORT_DONE;
}

static int serve(void)
{
    struct export_start start;
    int fds[2] = {-1, -1}, channel = EXPORT_CHANNEL_FD;
    int error = take_start(&start, fds);
    if (error == -ECONNRESET)
        return EXIT_SUCCESS; // nobody wants it any more
    if (error)
        return give_up("the start message is missing or wrong", error);
    if (confine_exporter(start.bytes_max) < 0)
        return EXIT_FAILURE;
    struct exporter_outcome outcome = {0};
    error = exporter_run(fds[0], fds[1], on_progress, &channel, &outcome);
    if (error == -EPIPE || error == -ECONNRESET)
        return EXIT_SUCCESS;
    enum export_state state = state_of(error, &outcome);
    if (error && state == EXPORT_DONE)
        return give_up("the film can't be made", error);
    error = report(channel, state, 1000);
    return error && error != -EPIPE ? give_up("the end can't be told", error) : EXIT_SUCCESS;
}

static int export_file(const char *from, const char *to)
{
    AUTO_FD int recording = open(from, O_RDONLY | O_CLOEXEC);
    AUTO_FD int film = recording < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (film < 0) {
        fprintf(stderr, "sandbox-export: %s: %s\n", recording < 0 ? from : to, strerror(errno));
        return EXIT_FAILURE;
    }
    bool terminal = isatty(STDERR_FILENO) == 1;
    if (confine_exporter(RLIM_INFINITY) < 0)
        return EXIT_FAILURE;
    struct exporter_outcome outcome = {0};
    int error = exporter_run(recording, film, on_terminal, &terminal, &outcome);
    if (error)
        fprintf(stderr, "sandbox-export: %s\n",
                error == -ENODATA  ? "nothing was shown while this was recorded"
                : error == -EPROTO ? "this is no recording"
                                   : strerror(-error));
    else if (outcome.damage)
        fprintf(stderr, "sandbox-export: the recording is damaged after %.1f s; the film ends there\n",
                (double)outcome.time / 1e6);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    tzset(); // the log's time conversion would open the zone file when no file can be opened any more
    log_open("sandbox-export", LOG_LEVEL_INFO, false);
    // A limit on the film's size is told by its error.
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return EXIT_FAILURE;
    if (argc == 3)
        return export_file(argv[1], argv[2]);
    if (argc == 1)
        return serve();
    fputs("sandbox-export RECORDING FILM.mp4\n", stderr);
    return EXIT_FAILURE;
}
