#include "ctl/haproxy.h"

#include <string.h>

#define PROBLEM "urn:sandbox-server:problem:"
// A source: one IPv4 address, or the /64 that one subscriber has.
#define SOURCE "src,ipmask(32,64)"
// For how long a node that refuses is tried again, and how often at least where each try may take long.
#define RETRYING_MS 3000u
#define RETRIES_MIN 3u
// How often a node is asked how it is; without a timeout of its own an answer may take as long.
#define CHECK_MS 1000u

struct answer {
    unsigned status;
    const char *type, *title, *detail;
    unsigned retry_after; // seconds; 0: none
};

// The same document as sandbox-server's own problems (RFC 9457), so that clients need one reader.
static void print_document(const struct answer *answer, FILE *out)
{
    fprintf(out,
            "content-type application/problem+json lf-string '{\"type\":\"" PROBLEM
            "%s\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\",\"request_id\":\"%%[uuid()]\"}'",
            answer->type, answer->title, answer->status, answer->detail);
    if (answer->retry_after)
        fprintf(out, " hdr Retry-After %u", answer->retry_after);
}

static void print_return(const struct answer *answer, const char *condition, FILE *out)
{
    fprintf(out, "    http-request return status %u ", answer->status);
    print_document(answer, out);
    fprintf(out, " %s\n", condition);
}

static void print_global(const struct haproxy_wish *wish, FILE *out)
{
    fprintf(out,
            "global\n"
            "    user haproxy\n"
            "    group haproxy\n"
            "    chroot /var/lib/haproxy\n"
            "    log stdout format raw local0 info\n"
            "    maxconn 4000\n"
            "    localpeer edge\n"
            "    # A process that was replaced by a reload keeps its tunnels until they end, a day at most.\n"
            "    hard-stop-after 24h\n"
            "    stats socket %s/admin.sock mode 600 level admin expose-fd listeners\n"
            "    ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets\n"
            "    ssl-default-bind-ciphersuites "
            "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256\n\n",
            wish->run_directory);
}

static void print_patience(const struct haproxy_wish *wish, FILE *out)
{
    unsigned retries = RETRYING_MS / wish->connect_timeout;
    fprintf(out,
            "    # A node that is started again is away for less than a second. HAProxy waits as long as "
            "timeout connect before it\n"
            "    # tries the same node once more, but a second at most: so what was asked meanwhile is "
            "answered soon. A node that is\n"
            "    # farther away than this needs more (--connect-timeout).\n"
            "    timeout connect %ums\n"
            "    retries %u\n",
            wish->connect_timeout, retries < RETRIES_MIN ? RETRIES_MIN : retries);
    if (wish->connect_timeout > CHECK_MS)
        fprintf(out, "    timeout check %ums\n", wish->connect_timeout);
}

static void print_defaults(const struct haproxy_wish *wish, FILE *out)
{
    static const struct answer failures[] = {
        {502, "unavailable", "Busy", "The node gave no answer. Try again in a moment.", 2},
        {503, "unavailable", "Busy", "No node takes requests now. Try again in a moment.", 2},
        {504, "unavailable", "Busy", "The node took too long. Try again in a moment.", 2},
    };
    fputs("defaults\n"
          "    mode http\n"
          "    log global\n"
          "    option dontlognull\n"
          "    # Without the query: a desktop's address carries its ticket there.\n"
          "    log-format \"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %tsc %ac/%fc/%bc/%sc/%rc "
          "%sq/%bq "
          "%HM %HPO %HV\"\n",
          out);
    print_patience(wish, out);
    fputs("    timeout http-request 10s\n"
          "    timeout http-keep-alive 30s\n"
          "    timeout queue 5s\n"
          "    timeout client 60s\n"
          "    timeout client-fin 5s\n"
          "    # A start answers when its desktop is ready, or within half a minute that it is not.\n"
          "    timeout server 90s\n"
          "    timeout server-fin 5s\n"
          "    timeout tunnel 24h\n",
          out);
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        fprintf(out, "    http-error status %u ", failures[i].status);
        print_document(&failures[i], out);
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void print_tables(const struct haproxy_wish *wish, FILE *out)
{
    fprintf(out,
            "# What was counted outlives a reload: the new process learns it from the old one.\n"
            "peers edge\n"
            "    peer edge 127.0.0.1:%u\n\n"
            "backend sources\n"
            "    stick-table type ipv6 size 100k expire 10m store conn_cur\n\n"
            "backend login_rates\n"
            "    stick-table type ipv6 size 100k expire 2m store http_req_rate(1m) peers edge\n\n"
            "backend api_rates\n"
            "    stick-table type ipv6 size 100k expire 2m store http_req_rate(1m) peers edge\n\n",
            wish->peer_port);
}

static void print_bind(const struct haproxy_wish *wish, unsigned port, FILE *out)
{
    fprintf(out, "    bind %s:%u%s", wish->bind, port, strcmp(wish->bind, "::") == 0 ? " v4v6" : "");
}

static void print_connection_rules(const struct haproxy_wish *wish, FILE *out)
{
    fprintf(out,
            "    tcp-request connection track-sc0 " SOURCE " table sources\n"
            "    tcp-request connection reject if { sc0_conn_cur gt %u }\n",
            wish->source_connections);
}

// HAProxy's own answers too: http-response would miss them.
static void print_headers(FILE *out)
{
    fputs("    http-after-response set-header X-Content-Type-Options nosniff\n"
          "    http-after-response set-header Referrer-Policy no-referrer\n"
          "    http-after-response set-header X-Frame-Options DENY\n"
          "    http-after-response set-header Cross-Origin-Opener-Policy same-origin\n"
          "    http-after-response set-header Cross-Origin-Resource-Policy same-origin\n"
          "    http-after-response set-header Content-Security-Policy \"default-src 'none'; frame-ancestors "
          "'none'\" unless { res.hdr(Content-Security-Policy) -m found }\n",
          out);
}

static void print_http(const struct haproxy_wish *wish, FILE *out)
{
    fputs("frontend http\n", out);
    print_bind(wish, wish->http_port, out);
    fputc('\n', out);
    print_connection_rules(wish, out);
    fputs("    # Certificates are renewed while this serves: certbot certonly --standalone --http-01-port.\n"
          "    acl challenge path -m reg ^/[.]well-known/acme-challenge/[A-Za-z0-9_-]+$\n",
          out);
    // The name is ours, not the request's: nobody is sent elsewhere.
    fputs("    # Only the path: a query may hold what must not travel in clear text once more.\n", out);
    if (wish->https_port == 443)
        fprintf(out, "    http-request redirect code 308 location https://%s%%[path] unless challenge\n",
                wish->host);
    else
        fprintf(out, "    http-request redirect code 308 location https://%s:%u%%[path] unless challenge\n",
                wish->host, wish->https_port);
    print_headers(out);
    fprintf(out,
            "    use_backend acme if challenge\n\n"
            "backend acme\n"
            "    retries 0\n"
            "    server certbot 127.0.0.1:%u\n\n",
            wish->acme_port);
}

static void print_limits(const struct haproxy_wish *wish, FILE *out)
{
    static const struct answer login = {429, "too-many-requests", "Too many requests",
                                        "Too many attempts to sign in. Wait a minute.", 60};
    static const struct answer api = {429, "too-many-requests", "Too many requests",
                                      "Too many requests in a minute. Wait before the next one.", 60};
    char condition[64];
    fputs("    acl login path /api/auth/login\n"
          "    acl api path_beg /api/\n"
          "    http-request track-sc1 " SOURCE " table login_rates if login\n"
          "    http-request track-sc2 " SOURCE " table api_rates if api\n",
          out);
    snprintf(condition, sizeof(condition), "if login { sc1_http_req_rate gt %u }", wish->login_rate);
    print_return(&login, condition, out);
    snprintf(condition, sizeof(condition), "if api { sc2_http_req_rate gt %u }", wish->api_rate);
    print_return(&api, condition, out);
}

static void print_https(const struct haproxy_wish *wish, FILE *out)
{
    static const struct answer other_host = {421, "wrong-host", "Another host", "This site has another name.",
                                             0};
    static const struct answer bad_path = {400, "bad-request", "The request is wrong",
                                           "A path here has letters, digits and . _ - only.", 0};
    static const struct answer no_node = {
        421, "wrong-node", "Another node serves this sandbox",
        "There is no such node. Get a new ticket: its path names the right one.", 0};
    fputs("frontend https\n", out);
    print_bind(wish, wish->https_port, out);
    fputs(" ssl", out);
    for (unsigned i = 0; i < wish->certificate_count; i++)
        fprintf(out, " crt %s", wish->certificates[i]);
    fputs(" alpn h2,http/1.1\n", out);
    print_connection_rules(wish, out);
    fputs("    http-request set-header X-Forwarded-For %["
          "src]\n"
          "    http-request del-header Forwarded\n"
          "    http-request del-header X-Real-IP\n",
          out);
    char condition[512];
    snprintf(condition, sizeof(condition), "unless { req.hdr(host),host_only -m str -i %s }", wish->host);
    print_return(&other_host, condition, out);
    fputs("    # Another spelling of a path would pass the limits below and be taken for it behind them.\n",
          out);
    print_return(&bad_path, "if { path -m reg [^A-Za-z0-9._/-] } || { path -m sub // /./ /../ }", out);
    print_limits(wish, out);
    fputs("    # /ws/NODE/...: a desktop's connection goes to the node that has it.\n"
          "    http-request set-var(txn.node) path,field(3,/) if { path_beg /ws/ }\n",
          out);
    fputs("    acl known_node var(txn.node) -m str", out);
    for (unsigned i = 0; i < wish->node_count; i++)
        fprintf(out, " %.*s", wish->nodes[i].name_length, wish->nodes[i].name);
    fputc('\n', out);
    print_return(&no_node, "if { path_beg /ws/ } !known_node", out);
    fputs("    http-after-response set-header Strict-Transport-Security max-age=63072000\n", out);
    print_headers(out);
    fputs("    default_backend nodes\n\n", out);
}

static void print_nodes(const struct haproxy_wish *wish, FILE *out)
{
    static const struct answer down = {503, "unavailable", "Busy",
                                       "The node of this sandbox does not answer. Try again in a moment.", 2};
    char condition[160];
    fputs("backend nodes\n"
          "    balance leastconn\n",
          out);
    if (wish->node_count > 1)
        fputs("    cookie sandbox_node insert indirect nocache httponly secure attr SameSite=Strict\n", out);
    for (unsigned i = 0; i < wish->node_count; i++) {
        const struct haproxy_node *node = &wish->nodes[i];
        snprintf(condition, sizeof(condition), "if { var(txn.node) -m str %.*s } !{ srv_is_up(%.*s) }",
                 node->name_length, node->name, node->name_length, node->name);
        print_return(&down, condition, out);
    }
    fprintf(out,
            "    use-server %%[var(txn.node)] if { var(txn.node) -m found }\n"
            "    # 404 means that a node is being drained: who is there stays, new ones go elsewhere.\n"
            "    option httpchk\n"
            "    http-check send meth GET uri /health ver HTTP/1.1 hdr Host %s\n"
            "    http-check disable-on-404\n"
            "    default-server check inter %us fall 3 rise 2 maxconn 1000\n",
            wish->host, CHECK_MS / 1000);
    for (unsigned i = 0; i < wish->node_count; i++) {
        const struct haproxy_node *node = &wish->nodes[i];
        fprintf(out, "    server %.*s %s", node->name_length, node->name, node->address);
        if (wish->node_count > 1)
            fprintf(out, " cookie %.*s", node->name_length, node->name);
        fputc('\n', out);
    }
}

static void print_status(const struct haproxy_wish *wish, FILE *out)
{
    fprintf(out,
            "\nfrontend status\n"
            "    bind 127.0.0.1:%u\n"
            "    http-request set-log-level silent\n"
            "    http-request use-service prometheus-exporter if { path /metrics }\n"
            "    stats enable\n"
            "    stats uri /stats\n"
            "    stats refresh 10s\n",
            wish->status_port);
}

void haproxy_print(const struct haproxy_wish *wish, FILE *out)
{
    fprintf(
        out,
        "# The edge of %s for HAProxy 2.6, made by: sandboxctl haproxy-config. Make it anew instead of\n"
        "# changing it; check it with: haproxy -c -f FILE. The nodes need TRUSTED_PROXIES with the address\n"
        "# that this machine has for them.\n\n",
        wish->host);
    print_global(wish, out);
    print_defaults(wish, out);
    print_tables(wish, out);
    print_http(wish, out);
    print_https(wish, out);
    print_nodes(wish, out);
    print_status(wish, out);
}
