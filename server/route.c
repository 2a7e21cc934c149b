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

static bool path_fits(const char *pattern, const char *path, struct id ret_ids[static ROUTE_IDS_MAX])
{
    size_t count = 0;
    for (const char *hole; (hole = strstr(pattern, "{id}")); pattern = hole + 4) {
        size_t before = (size_t)(hole - pattern);
        char text[ID_TEXT_SIZE];
        if (strncmp(pattern, path, before) != 0 || strlen(path) < before + ID_TEXT_SIZE - 1)
            return false;
        memcpy(text, path + before, ID_TEXT_SIZE - 1);
        text[ID_TEXT_SIZE - 1] = '\0';
        if (count == ROUTE_IDS_MAX || id_parse(text, &ret_ids[count++]) < 0)
            return false;
        path += before + ID_TEXT_SIZE - 1;
    }
    return strcmp(pattern, path) == 0;
}

void route_find(const struct route *routes, size_t count, enum http_method method, const char *path,
                struct route_match *ret_match)
{
    *ret_match = (struct route_match){0};
    enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
    for (const struct route *route = routes; route < routes + count; route++) {
        struct id ids[ROUTE_IDS_MAX] = {0};
        if (!path_fits(route->pattern, path, ids))
            continue;
        if (route->method == wanted) {
            *ret_match = (struct route_match){.route = route};
            memcpy(ret_match->ids, ids, sizeof(ids));
            return;
        }
        size_t length = strlen(ret_match->allow);
        snprintf(ret_match->allow + length, sizeof(ret_match->allow) - length, "%s%s", length ? ", " : "",
                 method_name(route->method));
    }
}
