#include "sandbox/life/uids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "sandbox/home/home.h"

int uids_init(struct uids *uids, uint32_t base)
{
    *uids = (struct uids){.base = base, .taken = calloc(HOST_UID_PARKED_COUNT, 1)};
    return uids->taken ? 0 : -ENOMEM;
}

void uids_finish(struct uids *uids)
{
    free(steal_pointer(&uids->taken));
}

bool uids_is_parked(const struct uids *uids, uid_t uid)
{
    return uid >= uids->base + HOST_UID_PARKED && uid - uids->base < HOST_UID_TICK;
}

int uids_take(struct uids *uids, uid_t *ret_uid)
{
    for (uint32_t i = 0; i < HOST_UID_PARKED_COUNT; i++) {
        uint32_t number = (uids->next + i) % HOST_UID_PARKED_COUNT;
        if (uids->taken[number] > 0)
            continue;
        uids->next = (number + 1) % HOST_UID_PARKED_COUNT;
        *ret_uid = uids->base + HOST_UID_PARKED + number;
        uids_hold(uids, *ret_uid);
        return 0;
    }
    return -EUSERS;
}

void uids_hold(struct uids *uids, uid_t uid)
{
    if (!uids_is_parked(uids, uid))
        return;
    uint8_t *count = &uids->taken[uid - uids->base - HOST_UID_PARKED];
    *count = (uint8_t)(*count + (*count < UINT8_MAX));
}

void uids_release(struct uids *uids, uid_t uid)
{
    if (!uids_is_parked(uids, uid))
        return;
    uint8_t *count = &uids->taken[uid - uids->base - HOST_UID_PARKED];
    *count = (uint8_t)(*count - (*count > 0 && *count < UINT8_MAX));
}

static void hold_later_ones(struct uids *uids, uid_t uid)
{
    uids_hold(uids, uid);
    if (uids_is_parked(uids, uid) && uid - uids->base - HOST_UID_PARKED >= uids->next)
        uids->next = (uid - uids->base - HOST_UID_PARKED + 1) % HOST_UID_PARKED_COUNT;
}

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

int uids_hold_homes(struct uids *uids, const char *storage)
{
    CLEANUP(cleanup_dir) DIR *homes = opendir(storage);
    if (!homes)
        return -errno;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(homes));) {
        struct stat status;
        if (fstatat(dirfd(homes), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno != ENOENT)
                return -errno;
            errno = 0;
            continue;
        }
        hold_later_ones(uids, status.st_uid);
        hold_later_ones(uids, home_journal_uid(dirfd(homes), entry->d_name));
    }
    return -errno;
}
