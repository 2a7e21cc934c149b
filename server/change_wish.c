#include "server/change_wish.h"

#include <errno.h>

#include "lib/cleanup.h"
#include "server/json_body.h"

struct body {
    json_t *limits, *network;
};

static const struct json_field fields[] = {
    {"limits", false, 0, 0, NULL, offsetof(struct body, limits)},
    {"network", false, 0, 0, NULL, offsetof(struct body, network)},
};

static void cleanup_body(struct body *body)
{
    json_decref(body->limits);
    json_decref(body->network);
}

int change_wish_read(const char *text, size_t length, const struct config *config, struct change_wish *wish,
                     enum problem *ret_problem, char wrong[static WISH_WRONG_MAX])
{
    CLEANUP(cleanup_body) struct body body = {0};
    *ret_problem = PROBLEM_BAD_REQUEST;
    if (json_body_read(text, length, fields, sizeof(fields) / sizeof(fields[0]), &body, wrong) < 0)
        return -EINVAL;
    *ret_problem = PROBLEM_UNPROCESSABLE;
    wish->has_limits = body.limits && json_object_size(body.limits) > 0;
    wish->has_network = body.network != NULL;
    int error = wish_read_limits(body.limits, config, &wish->limits, wrong);
    if (!error && body.network)
        error = network_wish_read(body.network, &wish->network, wrong);
    return error ? -EINVAL : 0;
}
