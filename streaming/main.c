// sandbox-streamer: streams one sandbox's desktop to one viewer. It is started by sandboxd with the
// descriptors of lib/streamer_channel.h and takes no argument; with --check it only tells whether an encoder works.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/streamer_channel.h"
#include "streaming/confinement.h"
#include "streaming/encoder.h"
#include "streaming/viewer.h"
#include "streaming/watchdog.h"

#ifdef SANITIZED_BUILD
#include <sanitizer/common_interface_defs.h>
#endif

static int give_up(const char *problem, int error)
{
    log_error("the stream ends", {"problem", problem}, {"error", strerror(-error)});
    return EXIT_FAILURE;
}

// libxcb prints the X server's own words when it is refused: the log is moved where no library writes, and
// standard error leads nowhere.
static int part_log_from_stderr(void)
{
    AUTO_FD int log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STREAMER_SOUND_FD + 1);
    AUTO_FD int nowhere = memfd_create("stderr", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (log < 0 || nowhere < 0 || fcntl(nowhere, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -errno;
    if (dup2(nowhere, STDERR_FILENO) < 0)
        return -errno;
#ifdef SANITIZED_BUILD
    __sanitizer_set_report_fd((void *)(intptr_t)log);
#endif
    log_to(steal_fd(&log));
    return 0;
}

static int read_start(struct streamer_start *ret_start)
{
    int seals = fcntl(STREAMER_START_FD, F_GET_SEALS);
    int needed = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    struct stat status;
    if (seals < 0 || fstat(STREAMER_START_FD, &status) < 0)
        return -errno;
    if ((seals & needed) != needed || status.st_size != (off_t)sizeof(*ret_start))
        return -EPROTO;
    ssize_t length = pread(STREAMER_START_FD, ret_start, sizeof(*ret_start), 0);
    if (length < 0)
        return -errno;
    return streamer_start_check(ret_start, (size_t)length);
}

static void cleanup_viewer(struct viewer **v)
{
    viewer_free(*v);
}

static int stream(const struct streamer_start *start)
{
    const char *problem = "no memory";
    CLEANUP(cleanup_viewer) struct viewer *viewer = NULL;
    int error = viewer_new(start, STREAMER_STREAM_FD, STREAMER_FRAMEBUFFER_FD, &viewer, &problem);
    if (error)
        return give_up(problem, error);
    problem = "the sound could not be set up";
    error = viewer_take_sound(viewer, STREAMER_SOUND_FD);
    if (error)
        return give_up(problem, error);
    close(STREAMER_FRAMEBUFFER_FD);
    close(STREAMER_START_FD);
    error = confinement_enter(start, &problem);
    if (error)
        return give_up(problem, error);
    error = viewer_serve(viewer, STREAMER_DISPLAY_FD, &problem);
    return error ? give_up(problem, error) : EXIT_SUCCESS;
}

#define CHECK_SECONDS 10

// --check CODEC CHROMA PRESET TUNE: encodes one frame. Tells on standard output what is wrong.
static int check_encoder(char **words)
{
    struct encoder_settings settings = {.framerate = 60,
                                        .bitrate_kbps = 20000,
                                        .full_chroma = strcmp(words[1], "444") == 0,
                                        .codec = words[0],
                                        .preset = words[2],
                                        .tune = words[3]};
    char problem[512];
    alarm(CHECK_SECONDS);
    if (encoder_check(&settings, problem, sizeof(problem)) == 0)
        return EXIT_SUCCESS;
    printf("%s\n", problem);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "--check") == 0)
        return check_encoder(argv + 2);
    tzset(); // the log's time conversion would open the zone file on first use, when no file can be opened
             // any more
    log_open("sandbox-streamer", LOG_LEVEL_INFO, false);
    if (argc != 1) {
        log_error("sandbox-streamer is started by sandboxd and takes no argument");
        return EXIT_FAILURE;
    }
    int error = part_log_from_stderr();
    if (error)
        return give_up("the log could not be set up", error);
    struct streamer_start start;
    error = read_start(&start);
    if (error)
        return give_up("the start message is missing or wrong", error);
    log_open("sandbox-streamer", (enum log_level)start.log_level, start.log_json != 0);
    error = watchdog_init();
    if (error)
        return give_up("the watchdog could not be set up", error);
    int status = stream(&start);
    explicit_bzero(&start, sizeof(start));
    return status;
}
