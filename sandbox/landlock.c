// What a sandbox may do with files, over and above the mounts: where it may change, execute, and reach devices.

#include <errno.h>

#include "lib/landlock.h"
#include "sandbox/operations.h"

#define READ_AND_EXECUTE (LANDLOCK_READ | LANDLOCK_EXECUTE)

static const struct landlock_rule rules[] = {
    {"/usr", READ_AND_EXECUTE},
    {"/opt", READ_AND_EXECUTE},
    {"/sandbox", READ_AND_EXECUTE},
    {"/etc", LANDLOCK_READ},
    {"/var", LANDLOCK_READ},
    {"/proc", LANDLOCK_READ | LANDLOCK_WRITE_FILE},
    {"/dev", LANDLOCK_READ | LANDLOCK_WRITE_FILE | LANDLOCK_TRUNCATE |
                 LANDLOCK_IOCTL_DEVICE}, // openpty(3) needs ioctl
    {"/dev/shm", LANDLOCK_CHANGE},
    {"/tmp", LANDLOCK_CHANGE},
    {"/home", LANDLOCK_CHANGE},
    {"/run", LANDLOCK_CHANGE & ~LANDLOCK_EXECUTE},
};

int operation_landlock(struct run *run, const struct operation *operation)
{
    (void)run;
    (void)operation;
    return landlock_allow(rules, sizeof(rules) / sizeof(rules[0]));
}
