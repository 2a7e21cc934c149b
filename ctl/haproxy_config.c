// sandboxctl haproxy-config: what is asked for, checked so that no word of it can become a line of its own.

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/haproxy.h"
#include "lib/limits.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define HOST_MAX 253
#define PATH_LENGTH_MAX 1024
#define RATE_MAX 1000000
#define CONNECT_TIMEOUT_MAX 60000
// A node on this machine answers at once or not at all; one elsewhere may be a second away, and a lost packet costs another.
#define CONNECT_TIMEOUT_NEAR 100
#define CONNECT_TIMEOUT_FAR 3000

static bool made_of(const char *text, size_t length, const char *permitted)
{
    for (size_t i = 0; i < length; i++) {
        if (!strchr(permitted, text[i]))
            return false;
    }
    return length > 0;
}

static int parse_number(const char *text, unsigned minimum, unsigned maximum, unsigned *ret_number)
{
    char *end;
    if (*text < '0' || *text > '9' || strlen(text) > 9)
        return -EINVAL;
    unsigned long number = strtoul(text, &end, 10);
    if (*end || number < minimum || number > maximum)
        return -EINVAL;
    *ret_number = (unsigned)number;
    return 0;
}

static int take_number(struct context *context, enum option option, unsigned maximum, unsigned *number)
{
    const char *text = context->options.values[option];
    if (!text || parse_number(text, 1, maximum, number) == 0)
        return 0;
    complain(context, "%s: expected a number from 1 to %u", option_text(option), maximum);
    return -EINVAL;
}

// NAME=ADDRESS:PORT; an IPv6 address stands in brackets.
static int parse_node(const char *text, struct haproxy_node *ret_node)
{
    unsigned port;
    const char *equals = strchr(text, '=');
    const char *colon = strrchr(text, ':');
    if (!equals || !colon || colon < equals)
        return -EINVAL;
    size_t name = (size_t)(equals - text), host = (size_t)(colon - equals - 1);
    bool brackets = host > 2 && equals[1] == '[' && colon[-1] == ']';
    bool host_fits = brackets ? made_of(equals + 2, host - 2, "0123456789abcdefABCDEF:.")
                              : made_of(equals + 1, host, LETTERS ".-");
    if (name > NODE_ID_MAX || host > HOST_MAX || !made_of(text, name, LETTERS "._-") || !host_fits ||
        parse_number(colon + 1, 1, 65535, &port) < 0)
        return -EINVAL;
    *ret_node = (struct haproxy_node){.name = text, .name_length = (int)name, .address = equals + 1};
    return 0;
}

static bool is_named(const struct haproxy_wish *wish, const struct haproxy_node *node)
{
    for (unsigned i = 0; i < wish->node_count; i++) {
        const struct haproxy_node *other = &wish->nodes[i];
        if (other->name_length == node->name_length &&
            memcmp(other->name, node->name, (size_t)node->name_length) == 0)
            return true;
    }
    return false;
}

static int take_nodes(struct context *context, struct haproxy_wish *wish)
{
    const struct options *options = &context->options;
    for (unsigned i = 0; i < options->repeated[OPTION_NODES].count; i++) {
        const char *text = options->repeated[OPTION_NODES].items[i];
        struct haproxy_node node;
        if (parse_node(text, &node) < 0) {
            complain(context, "--node %.100s: expected NAME=ADDRESS:PORT, NAME being the node's NODE_ID",
                     text);
            return -EINVAL;
        }
        if (is_named(wish, &node)) {
            complain(context, "--node %.100s: there is a node of this name already", text);
            return -EINVAL;
        }
        wish->nodes[wish->node_count++] = node;
    }
    return 0;
}

// "127.0.0.1:8080", "[::1]:8080", "localhost:8080"; any other name may be anywhere.
static bool is_near(const struct haproxy_node *node)
{
    const char *address = node->address;
    size_t host = strcspn(address, ":");
    return strncmp(address, "[::1]:", 6) == 0 || strncmp(address, "localhost:", 10) == 0 ||
           (strncmp(address, "127.", 4) == 0 && strspn(address, "0123456789.") == host);
}

static void choose_patience(struct haproxy_wish *wish)
{
    if (wish->connect_timeout)
        return;
    wish->connect_timeout = CONNECT_TIMEOUT_NEAR;
    for (unsigned i = 0; i < wish->node_count; i++) {
        if (!is_near(&wish->nodes[i]))
            wish->connect_timeout = CONNECT_TIMEOUT_FAR;
    }
}

static bool path_fits(const char *path)
{
    return *path == '/' && strlen(path) <= PATH_LENGTH_MAX && made_of(path, strlen(path), LETTERS "/._-@+");
}

static int take_certificates(struct context *context, struct haproxy_wish *wish)
{
    const struct options *options = &context->options;
    for (unsigned i = 0; i < options->repeated[OPTION_CERTIFICATE].count; i++) {
        const char *path = options->repeated[OPTION_CERTIFICATE].items[i];
        if (!path_fits(path)) {
            complain(context,
                     "--certificate %.100s: expected an absolute path of letters, digits and / . _ - @ +",
                     path);
            return -EINVAL;
        }
        wish->certificates[wish->certificate_count++] = path;
    }
    return 0;
}

static int take_places(struct context *context, struct haproxy_wish *wish)
{
    char **values = context->options.values;
    if (values[OPTION_HOST])
        wish->host = values[OPTION_HOST];
    if (values[OPTION_BIND])
        wish->bind = values[OPTION_BIND];
    if (values[OPTION_RUN_DIRECTORY])
        wish->run_directory = values[OPTION_RUN_DIRECTORY];
    if (!wish->host || strlen(wish->host) > HOST_MAX ||
        !made_of(wish->host, strlen(wish->host), LETTERS ".-")) {
        complain(context, "give the name that browsers use: --host desk.example.org");
        return -EINVAL;
    }
    if (!made_of(wish->bind, strlen(wish->bind), LETTERS ".:*[]-") || strlen(wish->bind) > HOST_MAX ||
        !path_fits(wish->run_directory)) {
        complain(context, "--bind or --run-directory: expected an address, and an absolute path");
        return -EINVAL;
    }
    if (!wish->node_count || !wish->certificate_count) {
        complain(context, "give at least one --node NAME=ADDRESS:PORT and one --certificate FILE");
        return -EINVAL;
    }
    return 0;
}

int haproxy_config(struct context *context)
{
    struct haproxy_wish wish = {
        .bind = "::",
        .run_directory = "/run/haproxy",
        .http_port = 80,
        .https_port = 443,
        .status_port = 8404,
        .peer_port = 8405,
        .acme_port = 402, // which root alone may open: who answers there gets certificates for this name
        .login_rate = 5,
        .api_rate = 100,
        .source_connections = 200,
    };
    if (take_nodes(context, &wish) < 0 || take_certificates(context, &wish) < 0 ||
        take_places(context, &wish) < 0 ||
        take_number(context, OPTION_HTTP_PORT, 65535, &wish.http_port) < 0 ||
        take_number(context, OPTION_HTTPS_PORT, 65535, &wish.https_port) < 0 ||
        take_number(context, OPTION_STATUS_PORT, 65535, &wish.status_port) < 0 ||
        take_number(context, OPTION_PEER_PORT, 65535, &wish.peer_port) < 0 ||
        take_number(context, OPTION_ACME_PORT, 65535, &wish.acme_port) < 0 ||
        take_number(context, OPTION_LOGIN_RATE, RATE_MAX, &wish.login_rate) < 0 ||
        take_number(context, OPTION_API_RATE, RATE_MAX, &wish.api_rate) < 0 ||
        take_number(context, OPTION_SOURCE_CONNECTIONS, RATE_MAX, &wish.source_connections) < 0 ||
        take_number(context, OPTION_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MAX, &wish.connect_timeout) < 0)
        return STATUS_USAGE;
    choose_patience(&wish);
    haproxy_print(&wish, stdout);
    return STATUS_OK;
}
