// Programs inside a real sandbox against its way out, with a name server that changes its mind, names that lead to private addresses by IPv4
// and IPv6, redirects there, and requests that hide others. The networks and all servers are the test's own.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tests/harness/egress_fixture.h"
#include "tests/harness/egress_outside.h"
#include "tests/harness/sandboxd_fixture.h"

// One line for each request: the last status, X-Sandbox-Egress and the start of the body.
#define ASK                                                                                                  \
    "ask() { name=$1; shift; code=$(curl -s -m 20 -D /tmp/head -o /tmp/out -w '%{http_code}' \"$@\"); "      \
    "echo \"$name=$code $(grep -i '^x-sandbox-egress' /tmp/head | tail -n 1 | tr -d '\\r') "                 \
    "$(head -c 200 /tmp/out 2>/dev/null | tr '\\r\\n' '  ')\"; rm -f /tmp/out /tmp/head; }\n"

static struct egress_fixture networks;

static int start(void **state)
{
    (void)state;
    egress_make_networks(&networks);
    return egress_become_node(&networks);
}

static void expect_text(const char *result, const char *text)
{
    if (!strstr(result, text))
        fail_msg("no \"%s\" in:\n%s", text, result);
}

static unsigned count_text(const char *result, const char *text)
{
    unsigned count = 0;
    for (const char *p = result; (p = strstr(p, text)); p++)
        count++;
    return count;
}

// What the script prints in a sandbox with these rules. Nothing private is reached by it.
static char *run(const char *const *rules, const char *script)
{
    struct sandboxd_fixture f;
    struct sandboxd_create request = sandboxd_request(1);
    unsigned reached = outside_reached_private();
    uint32_t count = 0;
    while (rules[count])
        count++;
    sandboxd_prepare(&f, sandboxd_mode_possible(SANDBOXD_DELEGATED) ? SANDBOXD_DELEGATED : SANDBOXD_PLAIN);
    sandboxd_start(&f);
    sandboxd_script(&f, &request, script);
    struct sandboxd_message message = {.kind = SANDBOXD_NETWORK_BEGIN, .network_begin = {count, 0}};
    sandboxd_send(&f, &message);
    for (uint32_t i = 0; i < count; i++) {
        message = (struct sandboxd_message){.kind = SANDBOXD_NETWORK_RULE};
        assert_int_equal(egress_rule_parse(rules[i], &message.network_rule), 0);
        sandboxd_send(&f, &message);
    }
    request.network = 1;
    sandboxd_create(&f, &request);
    char *result = sandboxd_result(&f, &request);
    sandboxd_end(&f, &request.sandbox);
    sandboxd_finish(&f);
    assert_int_equal(outside_reached_private(), reached);
    return result;
}

static void a_name_server_that_changes_its_mind(void **state)
{
    (void)state;
    // One after the other, then all at once, which shuffles who gets which answer.
    AUTO_FREE char *result =
        run(EGRESS_RULES("*.test:80"),
            ASK "for i in 1 2 3 4; do ask flip$i http://flip.test/; done\n"
                "ask mixed http://mixed.test/\nask both http://both.test/\nask private http://private.test/\n"
                "ask redirect -L http://allowed.test/redirect\n"
                "for i in $(seq 24); do curl -s -m 20 -o /dev/null -w '<%{http_code}>\\n' http://flip.test/ "
                "& done\nwait\n");
    expect_text(result, "flip1=200 ");
    expect_text(result, "flip2=403 X-Sandbox-Egress: address");
    expect_text(result, "flip3=200 ");
    expect_text(result, "flip4=403 X-Sandbox-Egress: address");
    expect_text(result, "mixed=200 ");
    expect_text(result, "both=200 ");
    expect_text(result, "private=403 X-Sandbox-Egress: address");
    expect_text(result, "redirect=403 X-Sandbox-Egress: address");
    assert_int_equal(count_text(result, "<200>"), 12);
    assert_int_equal(count_text(result, "<403>"), 12);
}

static void by_ipv6(void **state)
{
    (void)state;
    AUTO_FREE char *result = run(
        EGRESS_RULES("*.test:80", "[2a0a::/16]:80", "[::/0]:80", "0.0.0.0/0:80"), ASK
        "ask name http://six.test/\nask literal -g http://[2a0a::2]/\nask node -g http://[2a0a::1]/\n"
        "ask behind http://private6.test/\nask mapped http://mapped6.test/\nask nat http://nat64.test/\n"
        "for a in ::1 :: fe80::1 fc00::1 fd00:9::1 fd00:ec2::254 ff02::1 ::ffff:10.9.0.1 ::ffff:127.0.0.1 "
        "64:ff9b::10.9.0.1 64:ff9b::a9fe:a9fe 2002:a09:1::; do ask closed --noproxy '' -g http://[$a]/; "
        "done\n");
    expect_text(result, "name=200 ");
    expect_text(result, "literal=200 ");
    expect_text(result, "node=403 X-Sandbox-Egress: own-address");
    expect_text(result, "behind=403 X-Sandbox-Egress: address");
    expect_text(result, "mapped=403 X-Sandbox-Egress: address");
    expect_text(result, "nat=403 X-Sandbox-Egress: address");
    if (count_text(result, "closed=403 X-Sandbox-Egress: address") != 12)
        fail_msg("%s", result);
}

#define HIDDEN "GET http://private.test/hidden HTTP/1.1\\r\\nHost: private.test\\r\\n\\r\\n"
#define POST "POST http://allowed.test/outer HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: close\\r\\n"

static void a_request_within_a_request(void **state)
{
    (void)state;
    unsigned asked = egress_questions("private.test");
    AUTO_FREE char *result = run(
        EGRESS_RULES("allowed.test:80"),
        "cat >/tmp/try <<'.'\n"
        "send() { exec 3<>/dev/tcp/127.0.0.1/3128; printf \"$2\" >&3; echo \"$1=$(tr '\\r\\n' '  ' <&3)\"; "
        "exec 3>&-; }\n"
        // As a body it is a body, whatever it looks like.
        "send body '" POST "Content-Length: 63\\r\\n\\r\\n" HIDDEN "'\n"
        // CL.TE, TE.CL, TE.TE, and lengths that differ: which of them holds is nobody's guess.
        "send clte '" POST
        "Content-Length: 68\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n" HIDDEN "'\n"
        "send tecl '" POST "Transfer-Encoding: chunked\\r\\nContent-Length: 4\\r\\n\\r\\n3f\\r\\n" HIDDEN
        "0\\r\\n\\r\\n'\n"
        "send tete '" POST
        "Transfer-Encoding: chunked\\r\\nTransfer-encoding: x\\r\\n\\r\\n0\\r\\n\\r\\n" HIDDEN "'\n"
        "send clcl '" POST "Content-Length: 0\\r\\nContent-Length: 63\\r\\n\\r\\n" HIDDEN "'\n"
        "send fold '" POST "X: y\\r\\n Content-Length: 63\\r\\n\\r\\n" HIDDEN "'\n"
        "send bare '" POST "X: y\\nContent-Length: 63\\r\\n\\r\\n" HIDDEN "'\n"
        "send line 'GET http://allowed.test/ HTTP/1.1\\r\\nHost: private.test\\r\\n\\r\\n'\n"
        // Two requests are two decisions.
        "send pipe 'GET http://allowed.test/first HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n" HIDDEN "'\n"
        ".\nbash /tmp/try\n");
    static const char *const refused[] = {"clte=HTTP/1.1 400", "tecl=HTTP/1.1 400", "tete=HTTP/1.1 400",
                                          "clcl=HTTP/1.1 400", "fold=HTTP/1.1 400", "bare=HTTP/1.1 400",
                                          "line=HTTP/1.1 400"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        expect_text(result, refused[i]);
    expect_text(result, "body=HTTP/1.1 200 OK");
    expect_text(result, "Content-Length: 63  Connection: close    GET http://private.test/hidden");
    expect_text(result, "pipe=HTTP/1.1 200 OK");
    expect_text(result, "HTTP/1.1 403 Forbidden");
    assert_int_equal(count_text(result, "HTTP/1.1 200"), 2);
    assert_int_equal(count_text(result, "POST /outer"), 1);    // the only one that came to the server
    assert_int_equal(egress_questions("private.test"), asked); // nobody meant it
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_server_that_changes_its_mind),
        cmocka_unit_test(by_ipv6),
        cmocka_unit_test(a_request_within_a_request),
    };
    if (geteuid() != 0) {
        puts("skipped: making network namespaces needs root");
        return 77;
    }
    return cmocka_run_group_tests(tests, start, NULL);
}
