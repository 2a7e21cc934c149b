#include "supervisor/message.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/cleanup.h"

void say(const char *format, ...)
{
    AUTO_FREE char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    // One write, so that lines of several programs don't mix on a terminal.
    fprintf(stderr, "sandbox-supervisor: %s\n", text ? text : "out of memory");
}
