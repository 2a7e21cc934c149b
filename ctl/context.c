#include "ctl/context.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void complain(const struct context *context, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s: ", context->program);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int complain_store(const struct context *context, int error)
{
    const char *why = context->store ? store_error(context->store) : "";
    if (!*why)
        why = strerror(-error);
    if (error == -ENOTCONN)
        complain(context, "the database can't be reached: %s; check DATABASE_URL and that PostgreSQL runs",
                 why);
    else if (error == -EIO)
        complain(context, "the database refuses: %s; if it was never migrated, run: sandboxctl migrate", why);
    else
        complain(context, "%s", why);
    return STATUS_FAILED;
}

int context_own_directory(char *buffer, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", buffer, size);
    if (length < 0)
        return -errno;
    if ((size_t)length >= size)
        return -ENAMETOOLONG;
    buffer[length] = '\0';
    *strrchr(buffer, '/') = '\0';
    return 0;
}

int context_programs(const struct config *config, char *buffer, size_t size)
{
    const char *configured = config_text(config, CONFIG_PROGRAM_DIR);
    size_t length = strlen(configured);
    if (length == 0)
        return context_own_directory(buffer, size);
    if (length >= size)
        return -ENAMETOOLONG;
    memcpy(buffer, configured, length + 1);
    return 0;
}

int context_migrations(const struct context *context, char *buffer, size_t size)
{
    static const char below[] = "/../share/sandbox-server/migrations";
    const char *given = context->options.values[OPTION_DIRECTORY];
    int error = given ? 0 : context_own_directory(buffer, size);
    if (error)
        return error;
    size_t length = given ? 0 : strlen(buffer);
    const char *rest = given ? given : below;
    if (length + strlen(rest) >= size)
        return -ENAMETOOLONG;
    memcpy(buffer + length, rest, strlen(rest) + 1);
    return 0;
}
