#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

#include "ctl/command.h"
#include "ctl/doctor.h"
#include "ctl/probe.h"

#define WORDS(...) ((char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static char username[] = "--username", ada[] = "ada", username_ada[] = "--username=ada", json[] = "--json",
            json_x[] = "--json=x", role[] = "--role", user[] = "user", list[] = "list", create[] = "create";

static int parse(char **argv, struct options *options)
{
    struct options_error error;
    return options_parse(options, argv, ACCEPT(OPTION_USERNAME) | ACCEPT(OPTION_JSON), "NAME", &error);
}

static void test_options(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(parse(WORDS(), &options), 0);
    assert_null(options.operand);
    assert_int_equal(parse(WORDS(username, ada, json), &options), 0);
    assert_string_equal(options.values[OPTION_USERNAME], "ada");
    assert_non_null(options.values[OPTION_JSON]);
    assert_int_equal(parse(WORDS(username_ada), &options), 0);
    assert_string_equal(options.values[OPTION_USERNAME], "ada");
    assert_int_equal(parse(WORDS(ada), &options), 0);
    assert_string_equal(options.operand, "ada");
}

static void test_wrong_options(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(parse(WORDS(username), &options), -EINVAL);
    assert_int_equal(parse(WORDS(username_ada, username_ada), &options), -EINVAL);
    assert_int_equal(parse(WORDS(json_x), &options), -EINVAL);
    assert_int_equal(parse(WORDS(role, ada), &options), -EINVAL);
    assert_int_equal(parse(WORDS(ada, ada), &options), -EINVAL);
    struct options_error error;
    assert_int_equal(options_parse(&options, WORDS(ada), 0, NULL, &error), -EINVAL);
    assert_string_equal(error.text, "ada: not expected");
}

static void test_commands(void **state)
{
    (void)state;
    int count = 0;
    const struct command *command = command_find(WORDS(user, list), &count);
    assert_non_null(command);
    assert_string_equal(command->words, "user list");
    assert_int_equal(count, 2);
    assert_non_null(command_find(WORDS(user, create, ada), &count));
    assert_null(command_find(WORDS(user), &count));
    assert_null(command_find(WORDS(user, ada), &count));
    assert_null(command_find(WORDS(), &count));
}

static void test_probe_output(void **state)
{
    (void)state;
    char text[PROBE_TEXT_MAX];
    struct probe_rows rows;
    size_t length = 0;
    for (unsigned i = 0; i < LAYER_COUNT; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s\t%s\t%s\n", layer_name(i),
                                   i ? "on" : "weaker", i ? "" : "one uid for all");
    char copy[PROBE_TEXT_MAX];
    memcpy(copy, text, length + 1);
    assert_int_equal(probe_parse(copy, &rows), -EPROTO); // nothing of the foundation
    length += (size_t)snprintf(text + length, sizeof(text) - length, "foundation\tmissing\tEPERM\n");
    memcpy(copy, text, length + 1);
    assert_int_equal(probe_parse(copy, &rows), 0);
    assert_int_equal(rows.layers[0].state, LAYER_WEAKER);
    assert_string_equal(rows.layers[0].detail, "one uid for all");
    assert_int_equal(rows.layers[LAYER_SECCOMP].state, LAYER_ON);
    assert_int_equal(rows.foundation.state, LAYER_MISSING);
    assert_string_equal(rows.foundation.detail, "EPERM");
    memcpy(copy, text, length + 1);
    snprintf(copy + length, sizeof(copy) - length, "seccomp\ton\t\n");
    assert_int_equal(probe_parse(copy, &rows), -EPROTO);
    char partial[] = "seccomp\ton\t\n";
    assert_int_equal(probe_parse(partial, &rows), -EPROTO);
    char unknown[] = "moat\ton\t\n";
    assert_int_equal(probe_parse(unknown, &rows), -EPROTO);
    char wrong_state[] = "seccomp\tperhaps\t\n";
    assert_int_equal(probe_parse(wrong_state, &rows), -EPROTO);
}

static void test_verdicts(void **state)
{
    (void)state;
    assert_int_equal(kernel_verdict("6.1.0-18-amd64"), VERDICT_OK);
    assert_int_equal(kernel_verdict("5.13.0"), VERDICT_OK);
    assert_int_equal(kernel_verdict("5.10.0-28-amd64"), VERDICT_WEAK);
    assert_int_equal(kernel_verdict("4.19.0"), VERDICT_FAILED);
    assert_int_equal(kernel_verdict("unknown"), VERDICT_FAILED);
    assert_int_equal(certificate_verdict(0, 1000), VERDICT_FAILED);
    assert_int_equal(certificate_verdict(1000, 1000), VERDICT_FAILED);
    assert_int_equal(certificate_verdict(1001, 1000), VERDICT_WEAK);
    assert_int_equal(certificate_verdict(1000 + 14 * 86400, 1000), VERDICT_OK);
    assert_int_equal(layer_verdict("all", LAYER_SECCOMP, LAYER_ON), VERDICT_OK);
    assert_int_equal(layer_verdict("all", LAYER_SECCOMP, LAYER_WEAKER), VERDICT_FAILED);
    assert_int_equal(layer_verdict("", LAYER_SECCOMP, LAYER_MISSING), VERDICT_WEAK);
    assert_int_equal(layer_verdict("", LAYER_USER_NAMESPACE, LAYER_MISSING), VERDICT_FAILED);
    assert_int_equal(layer_verdict("landlock,seccomp", LAYER_SECCOMP, LAYER_MISSING), VERDICT_FAILED);
    assert_int_equal(layer_verdict("landlock, seccomp2", LAYER_SECCOMP, LAYER_MISSING), VERDICT_WEAK);
}

static void test_clock(void **state)
{
    (void)state;
    assert_int_equal(clock_verdict(TIME_OK, STA_PLL), VERDICT_OK);
    assert_int_equal(clock_verdict(TIME_INS, STA_PLL | STA_INS), VERDICT_OK); // a leap second comes
    assert_int_equal(clock_verdict(TIME_ERROR, STA_PLL), VERDICT_WEAK);
    assert_int_equal(clock_verdict(TIME_OK, STA_UNSYNC), VERDICT_WEAK);
    assert_int_equal(clock_verdict(-1, 0), VERDICT_WEAK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock),         cmocka_unit_test(test_options),
        cmocka_unit_test(test_wrong_options), cmocka_unit_test(test_commands),
        cmocka_unit_test(test_probe_output),  cmocka_unit_test(test_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
