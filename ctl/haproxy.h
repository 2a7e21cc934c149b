#pragma once
// A configuration of HAProxy 2.6 for the edge of an installation: what is asked for, and its text.

#include <stdio.h>

#define HAPROXY_NODES_MAX 32u
#define HAPROXY_CERTIFICATES_MAX 32u

struct haproxy_node {
    const char *name; // not terminated: name_length bytes
    int name_length;
    const char *address; // "host:port"
};

struct haproxy_wish {
    const char *host; // the site's name
    struct haproxy_node nodes[HAPROXY_NODES_MAX];
    unsigned node_count;
    const char *certificates[HAPROXY_CERTIFICATES_MAX];
    unsigned certificate_count;
    const char *bind;          // as HAProxy writes addresses; "::" stands for all, IPv4 too
    const char *run_directory; // for the administrator's socket
    unsigned http_port, https_port, status_port, peer_port, acme_port;
    unsigned login_rate, api_rate; // per minute and source
    unsigned source_connections;
    unsigned connect_timeout; // ms
};

void haproxy_print(const struct haproxy_wish *wish, FILE *out);
