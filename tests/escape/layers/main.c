// Says which layers of the sandbox it runs in are not what they should be.
//
// usage: sandbox-layers code|browser|desktop [landlock]     landlock: the kernel has it

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/escape/layers/layers.h"

static unsigned checks, wrong;

void layers_check(bool holds, const char *format, ...)
{
    checks++;
    if (holds)
        return;
    wrong++;
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 125;
    enum in profile = strcmp(argv[1], "code") == 0      ? IN_CODE
                      : strcmp(argv[1], "browser") == 0 ? IN_BROWSER
                                                        : IN_DESKTOP;
    layers_calls(profile);
    layers_arguments(profile);
    layers_rights(profile);
    layers_files(argc > 2 && strcmp(argv[2], "landlock") == 0);
    printf("%u checks, %u wrong\n", checks, wrong);
    return wrong > 0;
}
