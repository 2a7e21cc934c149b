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
        error = recording_directory_used(files->directory, &files->account, &used);
    if (!error && used >= files->quota)
        error = -EDQUOT;
    if (!error)
        error = recording_open(account, &files->recording, RECORDING_MP4_PART, O_WRONLY | O_CREAT | O_EXCL,
                               &files->film);
    if (error)
        return error;
    files->room = files->quota - used;
    files->stream = steal_fd(&stream);
    return 0;
}

int film_files_close(struct film_files *files, bool keep)
{
    AUTO_FD int account = -1, film = steal_fd(&files->film), stream = steal_fd(&files->stream);
    int error = recording_directory_account(files->directory, &files->account, false, &account);
    if (error)
        return error;
    if (keep && film >= 0 && fdatasync(film) == 0)
        return recording_rename(account, &files->recording, RECORDING_MP4_PART, RECORDING_MP4);
    error = keep ? -errno : 0;
    (void)recording_unlink(account, &files->recording, RECORDING_MP4_PART);
    return error;
}
