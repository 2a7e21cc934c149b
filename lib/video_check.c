#include "lib/video_check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"

static bool built_in(const struct config *config)
{
    return strcmp(config_text(config, CONFIG_VIDEO_CODEC), "libx264") == 0;
}

static int spawn(const char *path, const struct config *config, int output, pid_t *ret_pid)
{
    const char *const arguments[] = {"sandbox-streamer",
                                     "--check",
                                     config_text(config, CONFIG_VIDEO_CODEC),
                                     config_text(config, CONFIG_VIDEO_CHROMA),
                                     config_text(config, CONFIG_VIDEO_PRESET),
                                     config_text(config, CONFIG_VIDEO_TUNE),
                                     NULL};
    const char *const environment[] = {"LANG=C.UTF-8", NULL};
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -ENOMEM;
    int error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (error == 0)
        error =
            posix_spawn(ret_pid, path, &actions, NULL, (char *const *)arguments, (char *const *)environment);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

// What the child has to say, until it ends; it ends itself after ten seconds.
static void read_words(int fd, char *text, size_t size)
{
    size_t length = 0;
    ssize_t count;
    while (length < size - 1 && (count = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)count;
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

int video_check(const char *program_dir, const struct config *config, struct config_error *ret_error)
{
    if (built_in(config))
        return 0;
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/sandbox-streamer", program_dir) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    AUTO_FD int reading = ends[0];
    AUTO_FD int writing = ends[1];
    pid_t pid;
    int error = spawn(path, config, writing, &pid);
    close(steal_fd(&writing));
    if (error) {
        snprintf(ret_error->text, sizeof(ret_error->text), "%.256s: %s", path, strerror(-error));
        return -EINVAL;
    }
    char words[512];
    read_words(reading, words, sizeof(words));
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    snprintf(ret_error->text, sizeof(ret_error->text), "%s",
             *words ? words : "VIDEO_CODEC: the encoder crashed or hung when it was tried");
    return -EINVAL;
}
