#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"

// What one call wrote to stderr.
static const char *logged(bool json, const char *value)
{
    static char text[8192];
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    int saved = dup(STDERR_FILENO);
    dup2(pair[0], STDERR_FILENO);
    log_open("tester", LOG_LEVEL_INFO, json);
    log_debug("not shown");
    log_info("it happened", {"name", value});
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t n = recv(pair[1], text, sizeof(text) - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    text[n] = '\0';
    close(pair[0]);
    close(pair[1]);
    return text;
}

static void test_a_value_cannot_forge_a_line(void **state)
{
    (void)state;
    const char *line = logged(false, "x\n2026 tester info: forged \"quoted\" \x1b[31m\xff");
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_non_null(strstr(line, "tester info: it happened name=\"x\\u000a2026"));
    assert_non_null(strstr(line, "\\\"quoted\\\""));
    assert_null(strchr(line, '\x1b'));
    assert_non_null(strstr(line, "\\u00ff"));
}

static void test_json_is_one_object(void **state)
{
    (void)state;
    const char *line = logged(true, "a\"b");
    assert_int_equal(line[0], '{');
    assert_string_equal(line + strlen(line) - 2, "}\n");
    assert_non_null(strstr(line, "\"message\":\"it happened\",\"name\":\"a\\\"b\""));
}

static void test_a_long_value_is_cut(void **state)
{
    (void)state;
    static char value[10000];
    memset(value, 'v', sizeof(value) - 1);
    const char *line = logged(false, value);
    assert_true(strlen(line) <= 4096);
    assert_int_equal(line[strlen(line) - 1], '\n');
    line = logged(true, value);
    assert_string_equal(line + strlen(line) - 3, "\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_cannot_forge_a_line),
        cmocka_unit_test(test_json_is_one_object),
        cmocka_unit_test(test_a_long_value_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
