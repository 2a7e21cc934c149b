#include "ctl/system.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/types.h>
#include <unistd.h>

#define CONFIG_FILE SYSTEM_CONFIG_DIR "/config.env"
#define CREDENTIALS SYSTEM_CONFIG_DIR "/credentials"
#define SERVICE_USER "sandbox-server"

int system_configuration(struct context *context, struct config_error *ret_error)
{
    if (!*SYSTEM_CONFIG_DIR || context->config_path || access(CONFIG_FILE, F_OK) < 0)
        return 0;
    context->config_path = CONFIG_FILE;
    context->packaged = true;
    int error = config_read_file(context->config, CONFIG_FILE, false, ret_error);
    if (!error && geteuid() == 0)
        error = config_read_credentials(context->config, CREDENTIALS, "", ret_error);
    return error;
}

int system_become_service(const struct context *context)
{
    if (!context->packaged || geteuid() != 0)
        return 0;
    const struct passwd *user = getpwnam(SERVICE_USER);
    if (!user || user->pw_uid == 0)
        return -ENOENT;
    if (setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
        return -errno;
    return setuid(0) == 0 ? -EPERM : 0;
}

int system_lend(const struct context *context)
{
    if (!context->packaged || geteuid() != 0)
        return 0;
    const struct passwd *user = getpwnam(SERVICE_USER);
    if (!user || user->pw_uid == 0)
        return -ENOENT;
    return setegid(user->pw_gid) < 0 || seteuid(user->pw_uid) < 0 ? -errno : 0;
}

int system_return(const struct context *context)
{
    if (!context->packaged || getuid() != 0)
        return 0;
    return seteuid(0) < 0 || setegid(0) < 0 ? -errno : 0;
}
