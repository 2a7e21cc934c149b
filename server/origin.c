#include "server/origin.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *after_scheme(const char *origin)
{
    if (strncmp(origin, "http://", 7) == 0)
        return origin + 7;
    if (strncmp(origin, "https://", 8) == 0)
        return origin + 8;
    return NULL;
}

static bool valid_word(const char *word, size_t length)
{
    const char *host = after_scheme(word);
    if (!host || host >= word + length)
        return false;
    size_t rest = (size_t)(word + length - host);
    return strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") >= rest;
}

bool origin_list_valid(const char *allowed)
{
    for (const char *word = allowed + strspn(allowed, " "); *word; word += strspn(word, " ")) {
        size_t length = strcspn(word, " ");
        if (!valid_word(word, length))
            return false;
        word += length;
    }
    return true;
}

static bool listed(const char *origin, const char *allowed)
{
    size_t wanted = strlen(origin);
    for (const char *word = allowed + strspn(allowed, " "); *word; word += strspn(word, " ")) {
        size_t length = strcspn(word, " ");
        if (length == wanted && memcmp(word, origin, length) == 0)
            return true;
        word += length;
    }
    return false;
}

bool origin_permitted(const char *origin, const char *host, const char *allowed)
{
    if (!*origin)
        return true;
    const char *named = after_scheme(origin);
    if (named && *host && strcasecmp(named, host) == 0)
        return true;
    return listed(origin, allowed);
}
