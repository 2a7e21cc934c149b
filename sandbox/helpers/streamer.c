#include "sandbox/helpers/streamer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/streamer_channel.h"
#include "sandbox/daemon/client.h"
#include "sandbox/helpers/helper.h"

// Memory of an encoder at that picture size, with room for its queue: a constant part and so many pictures.
#define STREAMER_MEMORY_MB 256u
#define STREAMER_PICTURES 16u
#define STREAMER_CPU_PERCENT 400u
#define STREAMER_PIDS 64u

struct streamer {
    struct helper helper;
    struct service *service;
    struct sandbox *sandbox;
    unsigned slot;
    uint64_t viewer;
    uint64_t client; // who asked: service->client_count then
    int stream;      // the client's end until it is passed on
};

static void streamer_free(struct streamer *streamer)
{
    if (!streamer)
        return;
    helper_finish(&streamer->helper);
    cleanup_fd(&streamer->stream);
    if (streamer->service->streamers[streamer->slot] == streamer)
        streamer->service->streamers[streamer->slot] = NULL;
    free(streamer);
}

static void cleanup_streamer(struct streamer **streamer)
{
    streamer_free(*streamer);
}

static void answer(struct streamer *streamer, int failed)
{
    struct sandboxd_message message = {.kind = SANDBOXD_ATTACHED};
    int fd = streamer->stream;
    if (streamer->client != streamer->service->client_count) {
        fd = -1; // it asked and went away: nobody waits for the stream
    } else if (fd >= 0 && !failed) {
        message.attached = (struct sandboxd_attached){streamer->sandbox->request.sandbox, streamer->viewer};
        client_send(streamer->service, &message, fd);
    } else if (fd >= 0) {
        message.kind = SANDBOXD_ATTACH_FAILED;
        message.attach_failed = (struct sandboxd_attach_failed){
            .sandbox = streamer->sandbox->request.sandbox, .viewer = streamer->viewer, .error = failed};
        client_send(streamer->service, &message, -1);
    }
    cleanup_fd(&streamer->stream);
    streamer->stream = -1;
}

static void on_started(struct helper *helper)
{
    answer(CONTAINER_OF(helper, struct streamer, helper), helper->failed);
}

static void on_ended(struct helper *helper)
{
    struct streamer *streamer = CONTAINER_OF(helper, struct streamer, helper);
    if (streamer->stream >= 0)
        answer(streamer, helper->failed ? helper->failed : EIO);
    struct sandbox *sandbox = streamer->sandbox;
    streamer_free(streamer);
    sandbox_viewer_ended(sandbox);
}

static int seal_start(const struct streamer_start *start, int *ret_fd)
{
    AUTO_FD int fd = memfd_create("start", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    int error = write_all(fd, start, sizeof(*start));
    if (error)
        return error;
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

static uint8_t log_level_of(const char *name)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    uint8_t level = LOG_LEVEL_INFO;
    for (uint8_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        level = strcmp(names[i], name) == 0 ? i : level;
    return level;
}

static int make_start(const struct streamer *streamer, const struct sandboxd_attach *request, int *ret_fd)
{
    const struct config *config = streamer->service->settings->config;
    const struct desktop *desktop = &streamer->sandbox->desktop;
    struct streamer_start start = {
        .magic = STREAMER_START_MAGIC,
        .width = desktop->width_max,
        .height = desktop->height_max,
        .policy = streamer->sandbox->request.policy,
        .framerate = (uint32_t)config_number(config, CONFIG_VIDEO_FRAMERATE),
        .bitrate_kbps = (uint32_t)config_number(config, CONFIG_VIDEO_BITRATE_KBPS),
        .view_only = request->view_only,
        .alone = request->alone,
        .full_chroma = strcmp(config_text(config, CONFIG_VIDEO_CHROMA), "444") == 0,
        .log_level = log_level_of(config_text(config, CONFIG_LOG_LEVEL)),
        .log_json = strcmp(config_text(config, CONFIG_LOG_FORMAT), "json") == 0,
    };
    memcpy(start.cookie, desktop->cookie, sizeof(start.cookie));
    snprintf(start.codec, sizeof(start.codec), "%s", config_text(config, CONFIG_VIDEO_CODEC));
    snprintf(start.preset, sizeof(start.preset), "%s", config_text(config, CONFIG_VIDEO_PRESET));
    snprintf(start.tune, sizeof(start.tune), "%s", config_text(config, CONFIG_VIDEO_TUNE));
    int error = seal_start(&start, ret_fd);
    explicit_bzero(&start, sizeof(start));
    return error;
}

static struct sandbox_limits limits_of(const struct desktop *desktop)
{
    uint64_t pictures = (uint64_t)desktop->width_max * desktop->height_max * 4 * STREAMER_PICTURES;
    return (struct sandbox_limits){.memory_mb = STREAMER_MEMORY_MB + (uint32_t)(pictures >> 20),
                                   .cpu_percent = STREAMER_CPU_PERCENT,
                                   .pids = STREAMER_PIDS};
}

// The way to the sandbox's sound: one end goes to its sandbox-init. When that does not take it, nothing will ever sound.
static int make_sound(const struct streamer *streamer, int *ret_sound)
{
    int sound[2];
    int error = ipc_pair(SOCK_NONBLOCK, sound);
    if (error)
        return error;
    ipc_refuse_fds(sound[0]); // as with the stream
    struct init_message message = {.kind = INIT_SOUND};
    init_message_send(streamer->sandbox->channel.fd, &message, INIT_SIDE_SANDBOXD, sound[1]);
    close(sound[1]);
    *ret_sound = sound[0];
    return 0;
}

static int start(struct streamer *streamer, const struct sandboxd_attach *request)
{
    AUTO_FD int display = -1;
    AUTO_FD int framebuffer = -1;
    AUTO_FD int message = -1;
    AUTO_FD int sound = -1;
    int stream[2];
    int error = desktop_connect(&streamer->sandbox->desktop, &display);
    if (!error)
        error = desktop_open_framebuffer(&streamer->sandbox->desktop, &framebuffer);
    if (!error)
        error = make_start(streamer, request, &message);
    if (!error)
        error = make_sound(streamer, &sound);
    if (!error)
        error = ipc_pair(SOCK_NONBLOCK, stream);
    if (error)
        return error;
    ipc_refuse_fds(
        stream[0]); // where it can't be: streamers have no sockets to linger, see their system calls
    streamer->stream = stream[0];
    AUTO_FD int theirs = stream[1];

    AUTO_FREE struct plan *plan = malloc(sizeof(*plan));
    if (!plan)
        return -ENOMEM;
    error = plan_streamer(plan, &streamer->service->host, streamer->helper.host_uid);
    if (error)
        return error;
    struct launch launch = {
        .plan = plan,
        .standard = {streamer->service->null_fd, streamer->service->null_fd, STDERR_FILENO},
        .descriptors = {{theirs, STREAMER_STREAM_FD},
                        {display, STREAMER_DISPLAY_FD},
                        {framebuffer, STREAMER_FRAMEBUFFER_FD},
                        {message, STREAMER_START_FD},
                        {sound, STREAMER_SOUND_FD}},
        .descriptor_count = 5};
    struct sandbox_limits limits = limits_of(&streamer->sandbox->desktop);
    char group[CGROUP_NAME_MAX];
    snprintf(group, sizeof(group), "v%u", streamer->slot);
    return helper_launch(&streamer->helper, &launch, group, &limits);
}

int streamer_attach(struct service *service, const struct sandboxd_attach *request)
{
    struct sandbox *sandbox = sandbox_find(service, &request->sandbox);
    if (!sandbox || sandbox->state == SANDBOX_ENDING)
        return -ENOENT;
    if (sandbox->viewers >= VIEWER_MAX)
        return -EUSERS;
    unsigned slot = 0;
    while (service->streamers[slot])
        slot++; // every sandbox has at most VIEWER_MAX, so there is a free one
    CLEANUP(cleanup_streamer) struct streamer *streamer = calloc(1, sizeof(*streamer));
    if (!streamer)
        return -ENOMEM;
    *streamer = (struct streamer){.service = service,
                                  .sandbox = sandbox,
                                  .slot = slot,
                                  .viewer = request->viewer,
                                  .client = service->client_count,
                                  .stream = -1};
    helper_init(&streamer->helper, service, "streamer", HOST_UID_STREAMERS + slot);
    streamer->helper.started = on_started;
    streamer->helper.ended = on_ended;
    int error = start(streamer, request);
    if (error)
        return error;
    service->streamers[slot] = streamer;
    sandbox->viewers++;
    steal_pointer(&streamer);
    return 0;
}

void streamer_stop_all(struct service *service, const struct sandbox *sandbox)
{
    for (unsigned i = 0; i < STREAMERS_MAX; i++) {
        if (service->streamers[i] && service->streamers[i]->sandbox == sandbox)
            helper_end(&service->streamers[i]->helper);
    }
}
