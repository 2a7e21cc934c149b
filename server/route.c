#include "server/route.h"

#include <stdio.h>
#include <string.h>

static const char *method_name(enum http_method method)
{
    switch (method) {
    case HTTP_GET:
        return "GET, HEAD";
    case HTTP_HEAD:
        return "HEAD";
    case HTTP_POST:
        return "POST";
    case HTTP_PATCH:
        return "PATCH";
    case HTTP_DELETE:
        return "DELETE";
    case HTTP_OTHER:
        break;
    }
    return "";
}

static bool path_fits(const char *pattern, const char *path, struct id *ret_id)
{
    const char *hole = strstr(pattern, "{id}");
    if (!hole)
        return strcmp(pattern, path) == 0;
    size_t before = (size_t)(hole - pattern);
    char text[ID_TEXT_SIZE];
    if (strncmp(pattern, path, before) != 0 || strlen(path) < before + ID_TEXT_SIZE - 1)
        return false;
    memcpy(text, path + before, ID_TEXT_SIZE - 1);
    text[ID_TEXT_SIZE - 1] = '\0';
    return strcmp(hole + 4, path + before + ID_TEXT_SIZE - 1) == 0 && id_parse(text, ret_id) == 0;
}

void route_find(const struct route *routes, size_t count, enum http_method method, const char *path,
                struct route_match *ret_match)
{
    *ret_match = (struct route_match){0};
    enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
    for (const struct route *route = routes; route < routes + count; route++) {
        struct id id = {0};
        if (!path_fits(route->pattern, path, &id))
            continue;
        if (route->method == wanted) {
            *ret_match = (struct route_match){.route = route, .id = id};
            return;
        }
        size_t length = strlen(ret_match->allow);
        snprintf(ret_match->allow + length, sizeof(ret_match->allow) - length, "%s%s", length ? ", " : "",
                 method_name(route->method));
    }
}
