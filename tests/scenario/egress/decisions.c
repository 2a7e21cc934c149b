// What a sandbox may reach through a real sandbox-egress.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/harness/egress_fixture.h"
#include "tests/harness/egress_outside.h"

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

#define FLOOD 300 // more than have a line at once

static unsigned long decisions_made(void)
{
    struct egress_counters counters = egress_count(&fixture);
    return counters.requests + counters.denied;
}

// The status of a tunnel to this destination.
static int tunnel(const char *destination, char text[static 2048])
{
    char request[256];
    AUTO_FD int fd = egress_client(&fixture);
    snprintf(request, sizeof(request), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", destination, destination);
    egress_write(fd, request);
    egress_read(fd, "\r\n\r\n", text, 2048);
    if (strncmp(text, "HTTP/1.1 200 ", 13) != 0)
        egress_read(fd, "", text + strlen(text), 2048 - strlen(text));
    return (int)strtol(text + 9, NULL, 10);
}

struct expectation {
    const char *destination;
    int status;
    const char *reason;
};

static void expect(const struct expectation *expectations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[2048];
        int status = tunnel(expectations[i].destination, text);
        if (status != expectations[i].status ||
            (expectations[i].reason && !strstr(text, expectations[i].reason)))
            fail_msg("%s: %d instead of %d %s: %s", expectations[i].destination, status,
                     expectations[i].status, expectations[i].reason ? expectations[i].reason : "", text);
    }
}
#define EXPECT(...)                                                                                          \
    expect((const struct expectation[]){__VA_ARGS__},                                                        \
           sizeof((const struct expectation[]){__VA_ARGS__}) / sizeof(struct expectation))

static void nothing_without_a_policy(void **state)
{
    (void)state;
    egress_set_rules(&fixture, EGRESS_RULES());
    EXPECT({"allowed.test:443", 403, "not on the allow list of this sandbox"},
           {OUTSIDE_ADDRESS ":443", 403, "not-listed"});
    assert_int_equal(egress_questions("allowed.test"), 0);
}

static void domains_and_ports(void **state)
{
    (void)state;
    egress_set_rules(&fixture, EGRESS_RULES("allowed.test:443,9000-9001", "xn--bcher-kva.test"));
    EXPECT({"allowed.test:443", 200, NULL}, {"ALLOWED.Test.:443", 200, NULL},
           {"allowed.test:9000", 200, NULL}, {"allowed.test:80", 403, "port"},
           {"allowed.test:9002", 403, "port"}, {"sub.allowed.test:443", 403, "not-listed"},
           {"notallowed.test:443", 403, "not-listed"}, {"allowed.test.evil.test:443", 403, "not-listed"},
           {"other.test:443", 403, "not-listed"}, {"XN--BCHER-kva.test:443", 200, NULL},
           {"b\xc3\xbc"
            "cher.test:443",
            400, NULL},
           {OUTSIDE_ADDRESS ":443", 403, "not-listed"});
    assert_int_equal(egress_questions("other.test"), 0);
    assert_int_equal(egress_questions("evil.test"), 0);
}

static void wildcards(void **state)
{
    (void)state;
    egress_set_rules(&fixture, EGRESS_RULES("*.wild.test:443"));
    EXPECT({"a.wild.test:443", 200, NULL}, {"a.b.wild.test:443", 200, NULL},
           {"wild.test:443", 403, "not-listed"}, {"xwild.test:443", 403, "not-listed"},
           {"nothing.wild.test:443", 502, "resolve"}, {"hosts.wild.test:443", 403, "address"});
}

static void networks(void **state)
{
    (void)state;
    egress_set_rules(&fixture, EGRESS_RULES("45.0.0.2/31:443", "0.0.0.0/0:9000"));
    EXPECT({OUTSIDE_ADDRESS ":443", 200, NULL}, {OUTSIDE_SECOND ":443", 200, NULL},
           {"45.0.0.4:443", 403, "port"}, {OUTSIDE_ADDRESS ":9000", 200, NULL},
           {OUTSIDE_PRIVATE ":9000", 403, "private"}, {OUTSIDE_METADATA ":9000", 403, "address"},
           {"127.0.0.1:9000", 403, "address"}, {NODE_ADDRESS ":9000", 403, "own-address"},
           {"allowed.test:443", 403, "not-listed"}, {"2130706433:9000", 400, NULL},
           {"0x7f.1:9000", 400, NULL}, {"127.1:9000", 400, NULL});
    egress_set_rules(&fixture, EGRESS_RULES("10.9.0.0/16:9000", "169.254.0.0/16:9000"));
    EXPECT({OUTSIDE_PRIVATE ":9000", 200, NULL}, {OUTSIDE_METADATA ":9000", 403, "address"});
    egress_set_rules(&fixture, EGRESS_RULES("169.254.169.254:9000", "[::ffff:0:0/96]:9000"));
    EXPECT({OUTSIDE_METADATA ":9000", 200, NULL}, {"[::ffff:10.9.0.1]:9000", 403, "address"},
           {"[::1]:9000", 403, "not-listed"}, {"[fe80::1%25lo]:9000", 400, NULL});
}

static void addresses_behind_names(void **state)
{
    (void)state;
    egress_set_rules(&fixture, EGRESS_RULES("*.test:443,80"));
    EXPECT({"private.test:443", 403, "address"}, {"loopback.test:443", 403, "address"},
           {"metadata.test:443", 403, "address"}, {"node.test:443", 403, "own-address"},
           {"mixed.test:443", 200, NULL});
    egress_set_rules(&fixture, EGRESS_RULES("private.test:443", "10.0.0.0/8:443"));
    EXPECT({"private.test:443", 200, NULL});
    assert_true(egress_logged(&fixture, "metadata"));
}

static void a_rebinding_name(void **state)
{
    (void)state;
    egress_set_rules(&fixture, EGRESS_RULES("rebind.test:443"));
    egress_rebind(OUTSIDE_ADDRESS);
    EXPECT({"rebind.test:443", 200, NULL});
    egress_rebind(OUTSIDE_PRIVATE);
    EXPECT({"rebind.test:443", 403, "address"});
    egress_rebind(OUTSIDE_METADATA);
    EXPECT({"rebind.test:443", 403, "address"});
}

// One question for each request, and what it answered is what is connected to, or nothing is.
static void a_name_that_changes_with_each_question(void **state)
{
    (void)state;
    unsigned asked = egress_questions("flip.test"), reached = outside_reached_private();
    egress_set_rules(&fixture, EGRESS_RULES("flip.test:443"));
    for (unsigned i = 0; i < 10; i++)
        EXPECT({"flip.test:443", 200, NULL}, {"flip.test:443", 403, "address"});
    assert_int_equal(egress_questions("flip.test") - asked, 2 * 20); // by IPv4 and IPv6
    assert_int_equal(outside_reached_private(), reached);
}

static void by_ipv6(void **state)
{
    (void)state;
    unsigned reached = outside_reached_private();
    egress_set_rules(&fixture, EGRESS_RULES("[" OUTSIDE6_ADDRESS "]:443", "[2a0a::/16]:9000", "*.test:80",
                                            "*:8080", "[::/0]:8080"));
    EXPECT({"[" OUTSIDE6_ADDRESS "]:443", 200, NULL}, {"[2A0A:0:0:0::2]:443", 200, NULL},
           {"[" OUTSIDE6_ADDRESS "]:9000", 200, NULL}, {"[" OUTSIDE6_ADDRESS "]:80", 403, "port"},
           {"[2a0b::2]:9000", 403, "port"}, {"[" NODE6_ADDRESS "]:9000", 403, "own-address"},
           {"six.test:80", 200, NULL}, {"private6.test:80", 403, "address"}, {"mixed6.test:80", 200, NULL},
           {"both.test:80", 200, NULL}, {"mapped6.test:80", 403, "address"},
           {"nat64.test:80", 403, "address"}, {"[" OUTSIDE6_ADDRESS "]:8080", 200, NULL},
           {"[::1]:8080", 403, "address"}, {"[::]:8080", 403, "address"}, {"[fe80::1]:8080", 403, "address"},
           {"[fe80::1%25o0]:8080", 400, NULL}, {"[fc00::1]:8080", 403, "address"},
           {"[" OUTSIDE6_PRIVATE "]:8080", 403, "address"}, {"[fd00:ec2::254]:8080", 403, "address"},
           {"[ff02::1]:8080", 403, "address"}, {"[::ffff:10.9.0.1]:8080", 403, "address"},
           {"[::10.9.0.1]:8080", 403, "address"}, {"[64:ff9b::10.9.0.1]:8080", 403, "address"},
           {"[64:ff9b:1::10.9.0.1]:8080", 403, "address"}, {"[2002:a09:1::]:8080", 403, "address"});
    assert_int_equal(outside_reached_private(), reached);
    // A network that is named as such opens what is in it, and nothing else.
    egress_set_rules(&fixture, EGRESS_RULES("[fd00:9::/32]:8080"));
    EXPECT({"[" OUTSIDE6_PRIVATE "]:8080", 200, NULL}, {"[fd00:ec2::254]:8080", 403, "not-listed"});
}

static void redirects_are_requests(void **state)
{
    (void)state;
    char text[4096];
    egress_set_rules(&fixture, EGRESS_RULES("*.test:80"));
    egress_ask(&fixture,
               "GET http://allowed.test/redirect HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n",
               text, sizeof(text));
    assert_non_null(strstr(text, "Location: http://private.test/"));
    egress_ask(&fixture, "GET http://private.test/ HTTP/1.1\r\nHost: private.test\r\n\r\n", text,
               sizeof(text));
    assert_int_equal(strncmp(text, "HTTP/1.1 403 ", 13), 0);
}

static void a_change_closes_connections(void **state)
{
    (void)state;
    char text[256];
    egress_set_rules(&fixture, EGRESS_RULES("allowed.test:443", "other.test:443"));
    AUTO_FD int first = egress_client(&fixture);
    AUTO_FD int second = egress_client(&fixture);
    egress_write(first, "CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n");
    egress_read(first, "\r\n\r\n", text, sizeof(text));
    egress_write(second, "CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n");
    egress_read(second, "\r\n\r\n", text, sizeof(text));
    assert_int_equal(egress_set_rules(&fixture, EGRESS_RULES("other.test:443")), 1);
    assert_true(egress_closed(first));
    egress_write(second, "still here\n");
    egress_read(second, "\n", text, sizeof(text));
    assert_string_equal(text, "still here\n");
    assert_int_equal(egress_count(&fixture).open, 1);
}

static void the_unreachable(void **state)
{
    (void)state;
    egress_set_rules(&fixture, EGRESS_RULES("dead.test:443", "gone.test:443", "allowed.test:4444"));
    EXPECT({"dead.test:443", 502, "connect"}, {"gone.test:443", 502, "resolve"},
           {"allowed.test:4444", 502, "connect"});
}

// What the proxy's log says of its decisions so far: their lines, and how many of them it says it left out.
static unsigned long decisions_told(void)
{
    AUTO_FREE char *log = NULL;
    unsigned long told = 0;
    assert_int_equal(read_file_at(AT_FDCWD, fixture.log, 4u << 20, &log, NULL), 0);
    for (const char *line = log; (line = strstr(line, "egress ")); line++) {
        const char *left_out = strstr(line, "suppressed=\"");
        if (strncmp(line, "egress allowed", 14) != 0 && strncmp(line, "egress refused", 14) != 0)
            continue;
        assert_non_null(left_out);
        told += 1 + strtoul(left_out + strlen("suppressed=\""), NULL, 10);
    }
    return told;
}

static bool is_told(const char *verdict, const char *destination, const char *reason)
{
    AUTO_FREE char *log = NULL;
    char sandbox[ID_TEXT_SIZE];
    id_format(&fixture.sandbox, sandbox);
    assert_int_equal(read_file_at(AT_FDCWD, fixture.log, 4u << 20, &log, NULL), 0);
    for (char *rest = log, *line; (line = strsep(&rest, "\n"));) {
        if (strstr(line, verdict) && strstr(line, destination) && strstr(line, reason) &&
            strstr(line, sandbox))
            return true;
    }
    return false;
}

// With the sandbox and the reason; in a flood those that have no line are counted in the next one.
static void each_decision_is_logged(void **state)
{
    (void)state;
    static const struct {
        const char *destination, *verdict, *reason;
        int status;
    } rows[] = {{"logged.allowed.test:443", "egress refused", "not-listed", 403},
                {"allowed.test:9000", "egress allowed", "listed", 200},
                {"private.test:443", "egress refused", "address", 403}};
    char text[2048];
    egress_set_rules(&fixture, EGRESS_RULES("allowed.test:9000", "private.test:443"));
    for (unsigned i = 0; i < FLOOD; i++)
        assert_int_equal(tunnel("flood.test:443", text), 403);
    int64_t deadline = egress_deadline();
    for (unsigned long told, made; (told = decisions_told()) != (made = decisions_made());) {
        if (egress_is_late(deadline))
            fail_msg("the log tells of %lu decisions of %lu", told, made);
        assert_int_equal(tunnel("flood.test:443", text), 403);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        deadline = egress_deadline();
        do {
            if (egress_is_late(deadline))
                fail_msg("the log has no \"%s\" of %s: %s", rows[i].verdict, rows[i].destination,
                         rows[i].reason);
            assert_int_equal(tunnel(rows[i].destination, text), rows[i].status);
        } while (!is_told(rows[i].verdict, rows[i].destination, rows[i].reason));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_without_a_policy),
        cmocka_unit_test(domains_and_ports),
        cmocka_unit_test(wildcards),
        cmocka_unit_test(networks),
        cmocka_unit_test(addresses_behind_names),
        cmocka_unit_test(a_rebinding_name),
        cmocka_unit_test(a_name_that_changes_with_each_question),
        cmocka_unit_test(by_ipv6),
        cmocka_unit_test(redirects_are_requests),
        cmocka_unit_test(a_change_closes_connections),
        cmocka_unit_test(the_unreachable),
        cmocka_unit_test(each_decision_is_logged),
    };
    if (geteuid() != 0) {
        puts("skipped: making network namespaces needs root");
        return 77;
    }
    return cmocka_run_group_tests(tests, start, stop);
}
