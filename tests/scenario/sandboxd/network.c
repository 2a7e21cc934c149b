// What a sandbox reaches: nothing, then what its policy says, whatever becomes of sandbox-egress, and whatever programs inside try.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/harness/sandboxd_fixture.h"
#include "tests/scenario/sandboxd/network_policy.h"
#include "tests/scenario/sandboxd/outside.h"

// What each script begins with: one line for each request, with its status and the start of its body.
#define ASK                                                                                                  \
    "ask() { name=$1; shift; code=$(curl -s -m 20 -o /tmp/out -w '%%{http_code}' \"$@\"); "                  \
    "echo \"$name=$code $(head -c 300 /tmp/out 2>/dev/null | tr '\\n' ' ')\"; rm -f /tmp/out; }\n"

__attribute__((format(printf, 3, 4))) static void
script(const struct sandboxd_fixture *f, const struct sandboxd_create *request, const char *format, ...)
{
    char text[8192];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert_true(length > 0 && (size_t)length < sizeof(text));
    sandboxd_script(f, request, text);
}

static void expect_text(const char *result, const char *text)
{
    if (!strstr(result, text))
        fail_msg("no \"%s\" in:\n%s", text, result);
}

static struct sandboxd_ended end(struct sandboxd_fixture *f, const struct id *sandbox)
{
    struct sandboxd_message stop = {.kind = SANDBOXD_STOP, .stop = {*sandbox, STOP_USER}};
    sandboxd_send(f, &stop);
    return sandboxd_expect(f, SANDBOXD_ENDED, NULL).ended;
}

// Of all sandboxes together, as it is told after the last one's end.
static void expect_decisions(struct sandboxd_fixture *f, enum egress_reason reason, uint64_t count)
{
    while (f->egress.decisions[reason] < count)
        sandboxd_expect(f, SANDBOXD_EGRESS, NULL);
    assert_int_equal(f->egress.decisions[reason], count);
}

static void nothing_without_a_policy(struct sandboxd_fixture *f, const struct outside *outside)
{
    struct sandboxd_create request = sandboxd_request(1);
    script(f, &request,
           ASK "ask plain http://127.0.0.2:%u/\n"
               "ask tunnel https://127.0.0.2:%u/\n"
               "ask direct --noproxy '*' http://127.0.0.2:%u/\n"
               "ask route --noproxy '*' http://192.0.2.1:%u/\n"
               "echo interfaces=$(cut -d: -f1 /proc/net/dev | tail -n +3)\n",
           outside->port, outside->port, outside->port, outside->port);
    sandboxd_create(f, &request);
    AUTO_FREE char *result = sandboxd_result(f, &request);
    expect_text(result, "plain=403 ");
    expect_text(result, "not on the allow list of this sandbox");
    expect_text(result, "tunnel=000 ");
    expect_text(result, "direct=000 ");
    expect_text(result, "route=000 ");
    expect_text(result, "interfaces= lo\n");
    struct sandboxd_ended ended = end(f, &request.sandbox);
    assert_int_equal(ended.usage.network_allowed, 0);
    assert_int_equal(ended.usage.network_refused, 2);
    expect_decisions(f, EGRESS_REASON_NOT_LISTED, 2);
    expect_decisions(f, EGRESS_REASON_LISTED, 0);
}

static void what_the_policy_says(struct sandboxd_fixture *f, const struct outside *outside)
{
    static const char *const rules[] = {"localhost", "127.0.0.1", "127.0.0.2", NULL};
    struct sandboxd_create request = sandboxd_request(2);
    request.network = 1;
    script(f, &request,
           ASK "ask name --noproxy '' http://localhost:%u/key\n"
               "ask address http://127.0.0.2:%u/key\n"
               "ask other http://127.0.0.3:%u/\n"
               "ask redirect -L http://127.0.0.2:%u/away\n"
               "ask tunnel -p --proxytunnel http://127.0.0.2:%u/\n"
               "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c "
               "'opensesame4[2]'\n"
               "echo seen=$(env | grep -c 'opensesame4[2]')\n",
           outside->port, outside->port, outside->port, outside->port, outside->port);
    network_policy_send(f, outside->port, true, rules);
    sandboxd_create(f, &request);
    AUTO_FREE char *result = sandboxd_result(f, &request);
    expect_text(result, "name=200 with key");
    expect_text(result, "address=200 without key");
    expect_text(result, "other=403 ");
    expect_text(result, "redirect=403 ");
    expect_text(result, "tunnel=200 without key");
    expect_text(result, "\n0\nseen=0\n");
    assert_null(strstr(result, OUTSIDE_SECRET));
    struct sandboxd_ended ended = end(f, &request.sandbox);
    assert_true(ended.usage.network_allowed >= 4);
    assert_int_equal(ended.usage.network_refused, 2);
    assert_true(ended.usage.network_in_bytes > 100 && ended.usage.network_out_bytes > 100);
    expect_decisions(f, EGRESS_REASON_LISTED, ended.usage.network_allowed);
    expect_decisions(f, EGRESS_REASON_NOT_LISTED, 2);
    assert_int_equal(f->egress.bytes_in, ended.usage.network_in_bytes);
    assert_int_equal(f->egress.bytes_out, ended.usage.network_out_bytes);
    assert_int_equal(f->egress.open, 0);
}

static void with_each_mode(void (*check)(struct sandboxd_fixture *, const struct outside *))
{
    for (enum sandboxd_mode mode = SANDBOXD_DELEGATED; mode <= SANDBOXD_PLAIN; mode++) {
        struct sandboxd_fixture f;
        struct outside outside;
        if (!sandboxd_mode_possible(mode))
            continue;
        outside_start(&outside);
        sandboxd_prepare(&f, mode);
        sandboxd_start(&f);
        check(&f, &outside);
        sandboxd_finish(&f);
        outside_stop(&outside);
    }
}

static void by_default_nothing_is_reached_and_the_refusal_says_why(void **state)
{
    (void)state;
    with_each_mode(nothing_without_a_policy);
}

static void a_policy_opens_what_it_lists_and_its_secret_stays_outside(void **state)
{
    (void)state;
    with_each_mode(what_the_policy_says);
}

// Rules for everything do not name what is private, and no spelling of an address gets around that.
static void spellings(struct sandboxd_fixture *f, const struct outside *outside)
{
    static const char *const rules[] = {"*", "0.0.0.0/0", "[::/0]", NULL};
    static const char *const names[] = {
        "127.0.0.2",         "2130706434",      "0x7f000002",      "0177.0.0.2",         "127.2",
        "localhost",         "0.0.0.0",         "[::1]",           "[::ffff:127.0.0.2]", "[::127.0.0.2]",
        "[64:ff9b::7f00:2]", "[2002:7f00:2::]", "169.254.169.254", "[fe80::1]",          "10.0.0.1"};
    struct sandboxd_create request = sandboxd_request(1);
    char text[4096] = "";
    size_t length = 0;
    request.network = 1;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        length += (size_t)snprintf(
            text + length, sizeof(text) - length,
            "printf 'CONNECT %s:%u HTTP/1.1\\r\\nHost: %s:%u\\r\\n\\r\\n' >&3; head -n 1 <&3; "
            "exec 3<>/dev/tcp/127.0.0.1/3128\n",
            names[i], outside->port, names[i], outside->port);
    char whole[6144];
    snprintf(whole, sizeof(whole),
             "cat >/tmp/try <<'.'\nexec 3<>/dev/tcp/127.0.0.1/3128\n%s.\nbash /tmp/try\n", text);
    sandboxd_script(f, &request, whole);
    network_policy_send(f, outside->port, false, rules);
    sandboxd_create(f, &request);
    AUTO_FREE char *result = sandboxd_result(f, &request);
    unsigned refused = 0;
    for (const char *p = result; (p = strstr(p, "HTTP/1.1 4")); p++)
        refused++;
    assert_null(strstr(result, "HTTP/1.1 2"));
    if (refused != sizeof(names) / sizeof(names[0]))
        fail_msg("%u refusals:\n%s", refused, result);
    end(f, &request.sandbox);
}

static void no_spelling_of_a_private_address_gets_through(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct outside outside;
    outside_start(&outside);
    sandboxd_prepare(&f, sandboxd_mode_possible(SANDBOXD_DELEGATED) ? SANDBOXD_DELEGATED : SANDBOXD_PLAIN);
    sandboxd_start(&f);
    spellings(&f, &outside);
    sandboxd_finish(&f);
    outside_stop(&outside);
}

static void a_change_closes_what_it_forbids(void **state)
{
    (void)state;
    static const char *const rules[] = {"127.0.0.2", NULL}, *const others[] = {"127.0.0.4", NULL},
                             *const none[] = {NULL};
    struct sandboxd_fixture f;
    struct outside outside;
    outside_start(&outside);
    sandboxd_prepare(&f, sandboxd_mode_possible(SANDBOXD_DELEGATED) ? SANDBOXD_DELEGATED : SANDBOXD_PLAIN);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(1);
    script(&f, &request,
           ASK
           "ask held http://127.0.0.2:%u/hold\nask old http://127.0.0.2:%u/\nask new http://127.0.0.4:%u/\n"
           "ask held http://127.0.0.4:%u/hold\nask none http://127.0.0.4:%u/\n",
           outside.port, outside.port, outside.port, outside.port, outside.port);
    request.network = 1;
    network_policy_send(&f, outside.port, false, rules);
    sandboxd_create(&f, &request);
    outside_wait_held(&outside);
    struct sandboxd_network_set set = network_policy_set(&f, &request.sandbox, 7, outside.port, others);
    assert_true(set.error == 0 && set.closed == 1);
    outside_wait_held(&outside);
    assert_int_equal(network_policy_set(&f, &request.sandbox, 8, outside.port, none).closed, 1);
    AUTO_FREE char *result = sandboxd_result(&f, &request);
    expect_text(result, "old=403 ");
    expect_text(result, "new=200 ");
    expect_text(result, "none=403 ");
    struct id nobody = id_new();
    assert_int_equal(network_policy_set(&f, &nobody, 9, outside.port, none).error, ENOENT);
    end(&f, &request.sandbox);
    sandboxd_finish(&f);
    outside_stop(&outside);
}

static void the_list_tells_what_is_in_force_but_no_secret(void **state)
{
    (void)state;
    static const char *const rules[] = {"*.example.org", "10.0.0.0/8", "[fd00::/8]", NULL}, *const none[] = {
                                                                                                NULL};
    const char *most[EGRESS_RULES_MAX + 1] = {NULL};
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, sandboxd_mode_possible(SANDBOXD_DELEGATED) ? SANDBOXD_DELEGATED : SANDBOXD_PLAIN);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(1);
    request.network = 1;
    network_policy_send(&f, 8080, true, rules);
    sandboxd_create(&f, &request);
    network_policy_expect_listed(&f, 8080, true, rules);
    assert_int_equal(network_policy_set(&f, &request.sandbox, 1, 8080, none).error, 0);
    network_policy_expect_listed(&f, 8080, false, none);
    // More packets than a socket holds.
    for (size_t i = 0; i < EGRESS_RULES_MAX; i++)
        most[i] = "example.org";
    assert_int_equal(network_policy_set(&f, &request.sandbox, 2, 8081, most).error, 0);
    network_policy_expect_listed(&f, 8081, false, most);
    close(f.client);
    sandboxd_connect(&f);
    network_policy_expect_listed(&f, 8081, false, most);
    end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

static void a_policy_that_the_proxy_refuses_is_not_told_as_in_force(void **state)
{
    (void)state;
    static const char *const rules[] = {"example.org", NULL}, *const others[] = {"other.example.org", NULL};
    struct sandboxd_fixture f;
    sandboxd_prepare(&f, sandboxd_mode_possible(SANDBOXD_DELEGATED) ? SANDBOXD_DELEGATED : SANDBOXD_PLAIN);
    sandboxd_replace_program(&f, "sandbox-egress", getenv("HOSTILE_EGRESS"));
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(1);
    request.network = 1;
    network_policy_send(&f, 80, true, rules);
    sandboxd_create(&f, &request);
    assert_int_equal(network_policy_set(&f, &request.sandbox, 1, 8080, others).error, ENOMEM);
    network_policy_expect_listed(&f, 80, true, rules);
    assert_int_equal(network_policy_set(&f, &request.sandbox, 2, 8081, others).error, ENOMEM);
    network_policy_expect_listed(&f, 80, true, rules);
    end(&f, &request.sandbox);
    sandboxd_finish(&f);
}

static void a_proxy_that_dies_or_hangs_is_replaced_under_running_sandboxes(void **state)
{
    (void)state;
    static const char *const rules[] = {"127.0.0.2", NULL}, *const others[] = {"127.0.0.4", NULL};
    struct sandboxd_fixture f;
    struct outside outside;
    if (!sandboxd_mode_possible(SANDBOXD_DELEGATED))
        skip(); // its process is found by its uid
    outside_start(&outside);
    sandboxd_prepare(&f, SANDBOXD_DELEGATED);
    sandboxd_start(&f);
    struct sandboxd_create request = sandboxd_request(1);
    script(&f, &request,
           ASK "ask killed http://127.0.0.2:%u/hold\n"
               "until curl -sf http://127.0.0.2:%u/ >/dev/null; do :; done; ask again http://127.0.0.2:%u/\n"
               "ask hung http://127.0.0.2:%u/hold\n"
               "until curl -sf http://127.0.0.4:%u/ >/dev/null; do :; done; ask other http://127.0.0.2:%u/\n",
           outside.port, outside.port, outside.port, outside.port, outside.port, outside.port);
    request.network = 1;
    network_policy_send(&f, outside.port, false, rules);
    sandboxd_create(&f, &request);
    outside_wait_held(&outside);
    pid_t first = sandboxd_find_process(&f, "sandbox-egress");
    assert_true(first > 0 && kill(first, SIGKILL) == 0);
    outside_wait_held(&outside);
    pid_t second = sandboxd_find_process(&f, "sandbox-egress");
    assert_true(second > 0 && second != first && kill(second, SIGSTOP) == 0);
    assert_int_equal(network_policy_set(&f, &request.sandbox, 1, outside.port, others).error, 0);
    AUTO_FREE char *result = sandboxd_result(&f, &request);
    expect_text(result, "again=200 ");
    expect_text(result, "other=403 ");
    end(&f, &request.sandbox);
    sandboxd_finish(&f);
    outside_stop(&outside);
}

// Each sandbox has its own way out: neither its policy nor its crowd is another's.
static void a_crowd_does_not_reach_the_neighbour(void **state)
{
    (void)state;
    static const char *const rules[] = {"127.0.0.2", NULL};
    struct sandboxd_fixture f;
    struct outside outside;
    outside_start(&outside);
    sandboxd_prepare(&f, sandboxd_mode_possible(SANDBOXD_DELEGATED) ? SANDBOXD_DELEGATED : SANDBOXD_PLAIN);
    sandboxd_set(&f, "EGRESS_CONNECTIONS=64");
    sandboxd_start(&f);
    struct sandboxd_create crowd = sandboxd_request(1), neighbour = sandboxd_request(2);
    sandboxd_script(
        &f, &crowd,
        "cat >/tmp/try <<'.'\nfor i in {4..400}; do eval \"exec $i<>/dev/tcp/127.0.0.1/3128\"; done\n"
        "head -n 1 <&300; echo full; touch ~/full; cat <&4\n.\nbash /tmp/try 2>&1 | tee ~/crowd");
    sandboxd_create(&f, &crowd);
    script(&f, &neighbour, ASK "for i in 1 2 3 4 5 6 7 8; do ask n$i http://127.0.0.2:%u/; done\n",
           outside.port);
    neighbour.network = 1;
    network_policy_send(&f, outside.port, false, rules);
    sandboxd_create(&f, &neighbour);
    AUTO_FREE char *result = sandboxd_result(&f, &neighbour);
    for (unsigned i = 1; i <= 8; i++) {
        char text[16];
        snprintf(text, sizeof(text), "n%u=200 ", i);
        expect_text(result, text);
    }
    struct sandboxd_ended ended = end(&f, &neighbour.sandbox);
    assert_int_equal(ended.usage.network_allowed, 8);
    end(&f, &crowd.sandbox);
    sandboxd_finish(&f);
    outside_stop(&outside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default_nothing_is_reached_and_the_refusal_says_why),
        cmocka_unit_test(a_policy_opens_what_it_lists_and_its_secret_stays_outside),
        cmocka_unit_test(no_spelling_of_a_private_address_gets_through),
        cmocka_unit_test(a_change_closes_what_it_forbids),
        cmocka_unit_test(the_list_tells_what_is_in_force_but_no_secret),
        cmocka_unit_test(a_policy_that_the_proxy_refuses_is_not_told_as_in_force),
        cmocka_unit_test(a_proxy_that_dies_or_hangs_is_replaced_under_running_sandboxes),
        cmocka_unit_test(a_crowd_does_not_reach_the_neighbour),
    };
    cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
