#include "backup/archive_read.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backup/archive_members.h"
#include "backup/confined.h"
#include "backup/sealed.h"
#include "lib/cleanup.h"
#include "lib/fd.h"

struct job {
    const struct backup_reading *reading;
    struct backup_contents *contents; // shared
    int pipe;                         // unsealed bytes
};

static int open_staging(const struct backup_reading *reading, int *ret_fd)
{
    AUTO_FD int storage = open(reading->storage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (storage < 0)
        return -errno;
    return open_beneath(storage, reading->staging, O_RDONLY | O_DIRECTORY, 0, ret_fd);
}

struct text {
    char bytes[4 * MEMBER_PATH_MAX + 1024];
    size_t length;
};

// Names are whatever a user made them: what is no printable character, and the backslash, stands as \xNN.
static void add_escaped(struct text *text, const char *name)
{
    for (; *name && text->length + 5 < sizeof(text->bytes); name++) {
        bool plain = *name > ' ' && *name <= '~' && *name != '\\';
        text->length += (size_t)snprintf(text->bytes + text->length, sizeof(text->bytes) - text->length,
                                         plain ? "%c" : "\\x%02x", (unsigned char)*name);
    }
}

static void add(struct text *text, const char *words)
{
    text->length +=
        (size_t)snprintf(text->bytes + text->length, sizeof(text->bytes) - text->length, "%s", words);
}

static void tell_left(const struct id *home, const char *below, const char *attribute, int error)
{
    char id[ID_TEXT_SIZE];
    AUTO_FREE struct text *text = calloc(1, sizeof(*text));
    if (!text)
        return; // it is counted
    id_format(home, id);
    add(text, "left out: ");
    add(text, id);
    add(text, "/");
    add_escaped(text, below);
    if (attribute) {
        add(text, ", attribute ");
        add_escaped(text, attribute);
    }
    add(text, ": ");
    add(text, strerrordesc_np(-error));
    add(text, "\n");
    (void)write_all(STDERR_FILENO, text->bytes, text->length);
}

static int run(void *data)
{
    struct job *job = data;
    const struct backup_reading *reading = job->reading;
    AUTO_FD int staging = -1;
    int error = reading->storage ? open_staging(reading, &staging) : 0;
    AUTO_FREE struct extract *extract = calloc(1, sizeof(*extract));
    if (error || !extract)
        return error ? error : -ENOMEM;
    extract->staging = staging;
    extract->uid_base = reading->uid_base;
    extract->give = geteuid() == 0;
    extract->name_max = reading->name_max;
    extract->tell_left = reading->tell ? tell_left : NULL;
    error = archive_members_read(job->pipe, extract, reading->dump, job->contents->manifest);
    job->contents->homes = extract->homes;
    job->contents->entries = extract->entries;
    job->contents->bytes = extract->bytes;
    job->contents->left = extract->left;
    if (extract->problem)
        snprintf(job->contents->problem, sizeof(job->contents->problem), "%s", extract->problem);
    return error;
}

// Everything that was authenticated goes to the child; what is behind the archive's end as well, or the file's end would not be proven.
static int unseal(struct sealed_reader *reader, int out)
{
    const void *data;
    size_t length;
    int error;
    while ((error = sealed_read(reader, &data, &length)) == 0 && length > 0) {
        error = write_all(out, data, length);
        if (error)
            return error;
    }
    return error;
}

static int read_through(struct sealed_reader *reader, struct job *job)
{
    int ends[2], pid;
    const struct backup_reading *reading = job->reading;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    AUTO_FD int output = ends[0];
    AUTO_FD int input = ends[1];
    job->pipe = output;
    struct confined confined = {.run = run,
                                .data = job,
                                .directory = reading->storage ? reading->storage : "/nonexistent",
                                .change = true,
                                .capabilities = UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_FOWNER |
                                                UINT64_C(1) << CAP_DAC_READ_SEARCH,
                                .closed = input};
    int error = confined_start(&confined, &pid);
    if (error)
        return error;
    close(steal_fd(&output));
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGPIPE, &ignore, &before); // the child's own failure says more
    error = unseal(reader, input);
    close(steal_fd(&input));
    sigaction(SIGPIPE, &before, NULL);
    int child = confined_wait(pid);
    return error && error != -EPIPE ? error : child;
}

int backup_read(const struct backup_reading *reading, struct backup_contents *ret_contents)
{
    AUTO_FREE struct sealed_reader *reader = calloc(1, sizeof(*reader));
    struct backup_contents *contents = confined_memory(sizeof(*contents));
    if (!reader || !contents)
        return -ENOMEM;
    struct job job = {.reading = reading, .contents = contents};
    int error = sealed_read_begin(reader, reading->in, reading->key);
    if (!error)
        error = read_through(reader, &job);
    sealed_read_finish(reader);
    contents->manifest[MANIFEST_MAX - 1] = '\0';
    contents->problem[sizeof(contents->problem) - 1] = '\0';
    *ret_contents = *contents;
    munmap(contents, sizeof(*contents));
    return error;
}
