#include "backup/member.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool component_is_plain(const char *text, size_t length)
{
    bool dots = (length == 1 && text[0] == '.') || (length == 2 && text[0] == '.' && text[1] == '.');
    return length > 0 && length <= MEMBER_NAME_MAX && !dots;
}

int member_parse(const char *name, struct id *ret_home, char ret_below[static MEMBER_PATH_MAX])
{
    char text[ID_TEXT_SIZE];
    struct id home;
    size_t prefix = strlen(MEMBER_HOMES), length = strlen(name);
    if (length > 0 && name[length - 1] == '/')
        length--;
    if (length < prefix + ID_TEXT_SIZE - 1 || memcmp(name, MEMBER_HOMES, prefix) != 0)
        return -EPROTO;
    memcpy(text, name + prefix, ID_TEXT_SIZE - 1);
    text[ID_TEXT_SIZE - 1] = '\0';
    if (id_parse(text, &home))
        return -EPROTO;
    const char *below = name + prefix + ID_TEXT_SIZE - 1;
    const char *end = name + length;
    if (below < end && *below++ != '/')
        return -EPROTO;
    if ((size_t)(end - below) >= MEMBER_PATH_MAX || (below == end && end[-1] == '/'))
        return -EPROTO;
    unsigned depth = 0;
    for (const char *p = below; p < end; depth++) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        size_t part = (size_t)((slash ? slash : end) - p);
        if (!component_is_plain(p, part) || (slash && slash + 1 == end) || depth > MEMBER_DEPTH_MAX)
            return -EPROTO;
        p += part + (slash != NULL);
    }
    memcpy(ret_below, below, (size_t)(end - below));
    ret_below[end - below] = '\0';
    *ret_home = home;
    return 0;
}
