// What a sandbox may do with files, over and above the mounts: where it may change, execute, and reach devices.

#include <errno.h>
#include <string.h>

#include "lib/landlock.h"
#include "sandbox/operations/operations.h"

#define READ_AND_EXECUTE (LANDLOCK_READ | LANDLOCK_EXECUTE)

static const struct landlock_rule rules[] = {
    {"/", LANDLOCK_LIST}, // nothing is there but what the sandbox is made of, and steps to what was shared
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

#define OWN_RULES (sizeof(rules) / sizeof(rules[0]))

int operation_landlock(struct run *run, const struct operation *operation)
{
    (void)operation;
    const struct plan *plan = run->launch->plan;
    struct landlock_rule all[OWN_RULES + PLAN_BINDS_MAX];
    size_t granted = 0;
    memcpy(all, rules, sizeof(rules));
    for (size_t i = 0; i < plan->count; i++) {
        const struct operation *bind = &plan->operations[i];
        if (bind->kind != OPERATION_BIND || !(bind->number & BIND_GRANT))
            continue;
        if (granted == PLAN_BINDS_MAX)
            return -E2BIG;
        all[OWN_RULES + granted] = (struct landlock_rule){
            bind->data, bind->number & BIND_WRITABLE ? LANDLOCK_CHANGE : READ_AND_EXECUTE};
        granted++;
    }
    return landlock_allow(all, OWN_RULES + granted);
}
