#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "server/film.h"
#include "server/recording_directory.h"

int film_files_open(struct film_files *files)
{
    AUTO_FD int account = -1, stream = -1;
    uint64_t used;
    int error = recording_directory_account(files->directory, &files->account, false, &account);
    if (!error)
        error = recording_open(account, &files->recording, RECORDING_STREAM, O_RDONLY, &stream);
    // What an earlier attempt left is no part of it.
    if (!error && (error = recording_unlink(account, &files->recording, RECORDING_MP4_PART)) == -ENOENT)
        error = 0;
    if (!error)
        error = recording_directory_used(files->directory, &files->account, false, &used);
    if (!error && used >= files->quota)
        error = -EDQUOT;
    if (!error)
        error = recording_open(account, &files->recording, RECORDING_MP4_PART, O_WRONLY | O_CREAT | O_EXCL,
                               &files->film);
    if (error)
        return error;
    files->free = files->quota - used;
    files->stream = steal_fd(&stream);
    return 0;
}

// A recording that grew meanwhile goes before the film.
static int keep_film(const struct film_files *files, int account, int film)
{
    uint64_t used;
    int error = recording_directory_used(files->directory, &files->account, true, &used);
    if (!error && used > files->quota)
        error = -EDQUOT;
    if (!error && (film < 0 || fdatasync(film) < 0))
        error = film < 0 ? -EBADF : -errno;
    return error ? error : recording_rename(account, &files->recording, RECORDING_MP4_PART, RECORDING_MP4);
}

int film_files_close(struct film_files *files, bool keep)
{
    AUTO_FD int account = -1, film = steal_fd(&files->film), stream = steal_fd(&files->stream);
    (void)stream; // only to be closed
    int error = recording_directory_account(files->directory, &files->account, false, &account);
    if (error)
        return error;
    error = keep ? keep_film(files, account, film) : 0;
    if (!keep || error)
        (void)recording_unlink(account, &files->recording, RECORDING_MP4_PART);
    return error;
}
