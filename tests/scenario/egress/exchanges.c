// Plain HTTP through a real sandbox-egress: what is passed on, what is not, and what would be smuggled.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tests/harness/egress_fixture.h"

static struct egress_fixture fixture;

static int start(void **state)
{
    (void)state;
    egress_start(&fixture, 64, 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    egress_stop(&fixture);
    return 0;
}

static int open_list(void **state)
{
    (void)state;
    egress_set_rules(&fixture, EGRESS_RULES("allowed.test:80,8080", "other.test:80"));
    return 0;
}

static void a_request_is_rewritten(void **state)
{
    (void)state;
    char text[8192];
    egress_ask(&fixture,
               "GET http://Allowed.test:8080/path?q=1 HTTP/1.1\r\nhost: allowed.test:8080\r\nAccept: */*\r\n"
               "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nX-Hop: mine\r\n"
               "Connection: close, X-Hop\r\nTE: trailers\r\nUpgrade: h2c\r\nCookie: a=b\r\n\r\n",
               text, sizeof(text));
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    assert_string_equal(body + 4,
                        "GET /path?q=1 HTTP/1.1\r\nHost: allowed.test:8080\r\nAccept: */*\r\nCookie: a=b\r\n"
                        "Connection: close\r\n\r\n");
    assert_null(strstr(text, "Keep-Alive:"));
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
}

static void a_connection_goes_on_between_requests(void **state)
{
    (void)state;
    char text[4096];
    AUTO_FD int fd = egress_client(&fixture);
    // All at once: pipelined, to two destinations, with bodies of both kinds.
    egress_write(fd,
                 "POST http://allowed.test/1 HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 3\r\n\r\nabc"
                 "POST http://other.test/2 HTTP/1.1\r\nHost: other.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n"
                 "GET http://allowed.test/chunked HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
                 "GET http://allowed.test/hints HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
                 "HEAD http://allowed.test/4 HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
                 "GET http://allowed.test/to-end HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
                 "GET http://allowed.test/never HTTP/1.1\r\nHost: allowed.test\r\n\r\n");
    egress_read(fd, "POST /1", text, sizeof(text));
    egress_read(fd, "Content-Length: 3\r\nConnection: close\r\n\r\nabc", text, sizeof(text));
    egress_read(fd, "POST /2", text, sizeof(text));
    egress_read(fd, "3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n", text, sizeof(text));
    egress_read(fd, "hello\r\n0\r\n\r\n", text, sizeof(text));
    egress_read(fd, "103 Early Hints\r\n", text, sizeof(text));
    egress_read(fd, "late", text, sizeof(text));
    egress_read(fd, "\r\n\r\n", text, sizeof(text)); // of HEAD
    egress_read(fd, "", text, sizeof(text));
    assert_non_null(strstr(text, "until the end"));
    assert_non_null(strstr(text, "Connection: close"));
    assert_null(strstr(text, "never"));
}

static void a_server_can_t_answer_for_another(void **state)
{
    (void)state;
    static const char *const paths[] = {"smuggle", "chunked-smuggle"};
    for (size_t i = 0; i < 2; i++) {
        char text[4096], request[256];
        AUTO_FD int fd = egress_client(&fixture);
        snprintf(request, sizeof(request),
                 "GET http://allowed.test/%s HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
                 "GET http://other.test/next HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n",
                 paths[i]);
        egress_write(fd, request);
        egress_read(fd, "", text, sizeof(text));
        assert_null(strstr(text, "poison"));
        assert_non_null(strstr(text, "GET /next"));
    }
}

static void wrong_answers_are_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"two-lengths", "not-http", "upgrade"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char text[4096], request[256];
        snprintf(request, sizeof(request),
                 "GET http://allowed.test/%s HTTP/1.1\r\nHost: allowed.test\r\n\r\n", paths[i]);
        egress_ask(&fixture, request, text, sizeof(text));
        if (strncmp(text, "HTTP/1.1 502 ", 13) != 0)
            fail_msg("%s: %s", paths[i], text);
    }
    char text[4096];
    egress_ask(&fixture, "GET http://allowed.test/truncated HTTP/1.1\r\nHost: allowed.test\r\n\r\n", text,
               sizeof(text));
    assert_non_null(strstr(text, "\r\n\r\nabc"));
}

#define HOST "Host: allowed.test\r\n"
#define POST "POST http://allowed.test/ HTTP/1.1\r\n" HOST

static const struct {
    const char *request;
    int status;
} smuggled[] = {
    {POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
    {POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
    {POST "Content-Length: 3, 3\r\n\r\nabc", 400},
    {POST "Content-Length: +3\r\n\r\nabc", 400},
    {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400},
    {POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
    {POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
    {POST "Transfer-Encoding:\x0b"
          "chunked\r\n\r\n0\r\n\r\n",
     400},
    {POST "X: a\r\n Content-Length: 3\r\n\r\nabc", 400},
    {POST "X: a\nContent-Length: 3\r\n\r\nabc", 400},
    {POST "X: a\rContent-Length: 3\r\n\r\nabc", 400},
    {POST "Connection: Content-Length\r\nContent-Length: 3\r\n\r\nabc", 400},
    {"POST http://allowed.test/ HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {POST "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400},
    {POST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400},
    {POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400},
    {"GET http://allowed.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n", 400},
    {"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test:8080\r\n\r\n", 400},
    {"GET http://allowed.test/ HTTP/1.1\r\n" HOST HOST "\r\n", 400},
    {"GET http://allowed.test/ HTTP/1.1\r\n\r\n", 400},
    {"GET http://user@allowed.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://allowed.test\\@other.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://allowed.test#@other.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://allowed.test%2eother.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://allowed.test:80x/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://allowed.test: /  HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET https://allowed.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /etc/passwd HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://allowed.test/ HTTP/2.0\r\n" HOST "\r\n", 505},
    {"GET http://allowed.test/ HTTP/1.1 \r\n" HOST "\r\n", 400},
    {"GET  http://allowed.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {" GET http://allowed.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"\r\nGET http://allowed.test/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"TRACE http://allowed.test/ HTTP/1.1\r\n" HOST "\r\n", 405},
    {"CONNECT allowed.test HTTP/1.1\r\n" HOST "\r\n", 400},
    {"CONNECT allowed.test:80 HTTP/1.1\r\nHost: other.test:80\r\n\r\n", 400},
    {"CONNECT allowed.test:80 HTTP/1.1\r\nHost: allowed.test:80\r\nContent-Length: 3\r\n\r\nabc", 400},
    {"\x16\x03\x01\x02\x01\r\n\r\n", 400},
};

static void smuggling_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(smuggled) / sizeof(smuggled[0]); i++) {
        char text[4096];
        egress_ask(&fixture, smuggled[i].request, text, sizeof(text));
        if (strtol(text + 9, NULL, 10) != smuggled[i].status)
            fail_msg("%zu: %s -> %s", i, smuggled[i].request, text);
        assert_non_null(strstr(text, "Connection: close\r\n"));
    }
}

static void heads_are_bounded(void **state)
{
    (void)state;
    char text[4096];
    AUTO_FREE char *request = malloc(200000);
    size_t length =
        (size_t)snprintf(request, 200000, "%s", "GET http://allowed.test/ HTTP/1.1\r\n" HOST "X: ");
    memset(request + length, 'x', 100000);
    memcpy(request + length + 100000, "\r\n\r\n", 5);
    egress_ask(&fixture, request, text, sizeof(text));
    assert_int_equal(strncmp(text, "HTTP/1.1 431 ", 13), 0);
    length = (size_t)snprintf(request, 200000, "%s", "GET http://allowed.test/ HTTP/1.1\r\n" HOST);
    for (unsigned i = 0; i < 101; i++)
        length += (size_t)snprintf(request + length, 200000 - length, "X-%u: y\r\n", i);
    snprintf(request + length, 200000 - length, "\r\n");
    egress_ask(&fixture, request, text, sizeof(text));
    assert_int_equal(strncmp(text, "HTTP/1.1 431 ", 13), 0);
}

static void a_secret_is_added_outside(void **state)
{
    (void)state;
    char text[8192];
    struct egress_rule rules[3];
    struct egress_header header = {.name = "Authorization", .value = "Bearer outside-only"};
    assert_int_equal(egress_rule_parse("allowed.test:80", &rules[0]), 0);
    assert_int_equal(egress_rule_parse("other.test:80", &rules[1]), 0);
    rules[0].header = 1;
    egress_set_policy(&fixture, &(struct egress_policy){rules, 2, &header, 1});
    egress_ask(&fixture,
               "GET http://allowed.test/ HTTP/1.1\r\n" HOST
               "authorization: Bearer forged\r\nConnection: close\r\n\r\n",
               text, sizeof(text));
    assert_non_null(strstr(text, "Authorization: Bearer outside-only\r\n"));
    assert_null(strstr(text, "forged"));
    egress_ask(&fixture,
               "GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\nAuthorization: Bearer "
               "own\r\nConnection: close"
               "\r\n\r\n",
               text, sizeof(text));
    assert_null(strstr(text, "outside-only"));
    assert_non_null(strstr(text, "Bearer own"));
    assert_false(egress_logged(&fixture, "outside-only"));
}

static void big_bodies_pass(void **state)
{
    (void)state;
    static char block[1 << 16];
    AUTO_FD int fd = egress_client(&fixture);
    egress_write(fd, "GET http://allowed.test/big HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    egress_read(fd, "\r\n\r\n", block, sizeof(block));
    size_t total = 0;
    ssize_t n;
    while ((n = read(fd, block, sizeof(block))) > 0)
        total += (size_t)n;
    assert_int_equal(total, 67108864);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_request_is_rewritten, open_list),
        cmocka_unit_test_setup(a_connection_goes_on_between_requests, open_list),
        cmocka_unit_test_setup(a_server_can_t_answer_for_another, open_list),
        cmocka_unit_test_setup(wrong_answers_are_refused, open_list),
        cmocka_unit_test_setup(smuggling_is_refused, open_list),
        cmocka_unit_test_setup(heads_are_bounded, open_list),
        cmocka_unit_test_setup(a_secret_is_added_outside, open_list),
        cmocka_unit_test_setup(big_bodies_pass, open_list),
    };
    if (geteuid() != 0) {
        puts("skipped: making network namespaces needs root");
        return 77;
    }
    return cmocka_run_group_tests(tests, start, stop);
}
