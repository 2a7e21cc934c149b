#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/config.h"
#include "lib/fd.h"
#include "lib/policy.h"

#define STRONG "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static int set_up(void **state)
{
    *state = config_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    config_free(*state);
    return 0;
}

static int read_text(struct config *config, const char *text, struct config_error *ret_error)
{
    return config_read_text(config, text, strlen(text), "test", false, ret_error);
}

static void assert_refused(struct config *config, const char *text, const char *because)
{
    struct config_error error = {0};
    assert_int_equal(read_text(config, text, &error), -EINVAL);
    if (!strstr(error.text, because))
        fail_msg("\"%s\" does not say \"%s\"", error.text, because);
}

static void test_every_default_is_valid(void **state)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_entry *entry = config_entry(key);
        assert_non_null(entry->name);
        assert_non_null(entry->text);
        if (entry->secret)
            continue;
        char line[512];
        snprintf(line, sizeof(line), "%s=%s", entry->name, entry->standard);
        struct config_error error = {0};
        if (read_text(*state, line, &error) < 0)
            fail_msg("%s", error.text);
    }
}

static void test_values_are_taken(void **state)
{
    struct config_error error;
    assert_int_equal(read_text(*state,
                               "# a comment\n\n PORT= 9000 \r\nHOST=\"::1\"\nFILE_ENCRYPTION_ENABLED=true",
                               &error),
                     0);
    assert_int_equal(config_number(*state, CONFIG_PORT), 9000);
    assert_string_equal(config_text(*state, CONFIG_HOST), "::1");
    assert_true(config_switch(*state, CONFIG_FILE_ENCRYPTION_ENABLED));
    assert_int_equal(config_number(*state, CONFIG_JWT_ACCESS_EXPIRY), 900);
}

static void test_bad_lines_are_refused_with_the_reason(void **state)
{
    assert_refused(*state, "PORTS=1", "unknown key \"PORTS\"");
    assert_refused(*state, "\nPORT", "test:2: expected KEY=VALUE");
    assert_refused(*state, "PORT=0", "from 1 to 65535");
    assert_refused(*state, "PORT=65536", "from 1 to 65535");
    assert_refused(*state, "PORT=80x", "whole number");
    assert_refused(*state, "PORT=", "whole number");
    assert_refused(*state, "PORT=+80", "whole number");
    assert_refused(*state, "PORT=99999999999999999999", "whole number");
    assert_refused(*state, "PORT=1\nPORT=2", "twice");
    assert_refused(*state, "LOG_LEVEL=loud", "error|warning|info|debug");
    assert_refused(*state, "LOG_LEVEL=error|warning", "one of");
    assert_refused(*state, "FILE_ENCRYPTION_ENABLED=yes", "true|false");
    assert_refused(*state, "HOST=", "1 to 255");
    assert_refused(*state, "JWT_SECRET=" STRONG, "secrets file");
}

static void test_a_template_changes_what_is_by_template(void **state)
{
    struct config_error error = {0};
    const char *text =
        "CLIPBOARD_TO_BROWSER_KB=100\nTEMPLATE_QUIET_ROOM=SOUND=false  CLIPBOARD_TO_BROWSER_KB=0\n"
        "TEMPLATE_DESKTOP=\"RECORDING=required\"\nTEMPLATE_PLAIN=\n";
    if (read_text(*state, text, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(config_template_count(*state), 3);
    assert_string_equal(config_template_name(*state, 0), "desktop");
    int quiet = config_find_template(*state, "quiet-room");
    assert_int_equal(quiet, 1);
    assert_int_equal(config_find_template(*state, "plain"), 2);
    assert_int_equal(config_find_template(*state, "code"), -1);
    struct policy own = policy_of(*state, 1), standard = policy_of(*state, 0), plain = policy_of(*state, 2);
    assert_false(own.stream.sound);
    assert_int_equal(own.stream.clipboard_to_browser, 0);
    assert_int_equal(own.stream.clipboard_to_sandbox, 32u << 20);
    assert_int_equal(own.recording, RECORDING_OFF);
    assert_int_equal(own.sharing, SHARING_CONTROL);
    assert_true(standard.stream.sound);
    assert_false(standard.stream.microphone);
    assert_int_equal(standard.stream.clipboard_to_browser, 100u << 10);
    assert_int_equal(standard.recording, RECORDING_REQUIRED);
    assert_int_equal(plain.recording, RECORDING_OFF);
    assert_true(stream_policy_valid(&own.stream));
    // A later source replaces the line as a whole.
    assert_int_equal(read_text(*state, "TEMPLATE_QUIET_ROOM=MICROPHONE=true", &error), 0);
    own = policy_of(*state, 1);
    assert_true(own.stream.sound && own.stream.microphone);
    assert_int_equal(config_template_count(*state), 3);
    assert_string_equal(config_template_line(*state, 1), "MICROPHONE=true");
}

static void test_bad_templates_are_refused_with_the_reason(void **state)
{
    assert_refused(*state, "TEMPLATE_CODE=", "names no template");
    assert_refused(*state, "TEMPLATE_kiosk=", "names no template");
    assert_refused(*state, "TEMPLATE__A=", "names no template");
    assert_refused(*state, "TEMPLATE_A_=", "names no template");
    assert_refused(*state, "TEMPLATE_A/B=", "names no template");
    assert_refused(*state, "TEMPLATE_A23456789012345678901234567890123=", "names no template");
    assert_refused(*state, "TEMPLATE_=", "unknown key");
    assert_refused(*state, "TEMPLATE_A=SOUND", "KEY=VALUE");
    assert_refused(*state, "TEMPLATE_A=SOUNDS=true", "did you mean SOUND?");
    assert_refused(*state, "\nTEMPLATE_A=SOUND=loud", "test:2: TEMPLATE_A: SOUND must be one of true|false");
    assert_refused(*state, "TEMPLATE_A=SOUND=true SOUND=false", "SOUND stands twice");
    assert_refused(*state, "TEMPLATE_A=PORT=9000", "PORT is the same for all desktops");
    assert_refused(*state, "TEMPLATE_A=\nTEMPLATE_A=", "stands twice in this file");
    assert_int_equal(config_find_template(*state, "b"), -1);
    struct config_error error = {0};
    assert_int_equal(read_text(*state, "TEMPLATE_B=DISPLAY_MAX_WIDTH=7680", &error), 0);
    assert_int_equal(config_check_templates(*state, &error), -EINVAL);
    assert_non_null(strstr(error.text, "template b: DISPLAY_MAX_WIDTH is more"));
    assert_int_equal(read_text(*state, "DISPLAY_MAX_WIDTH=7680", &error), 0);
    assert_int_equal(config_check_templates(*state, &error), 0);
}

static void test_there_are_only_so_many_templates(void **state)
{
    struct config_error error = {0};
    char line[64];
    for (int i = 1; i < CONFIG_TEMPLATES_MAX; i++) {
        snprintf(line, sizeof(line), "TEMPLATE_A%d=", i);
        assert_int_equal(read_text(*state, line, &error), 0);
    }
    assert_refused(*state, "TEMPLATE_MORE=", "more than 16 templates");
    assert_int_equal(read_text(*state, "TEMPLATE_A3=SOUND=false", &error), 0);
}

static void test_a_refused_line_leaves_the_value_alone(void **state)
{
    struct config_error error;
    assert_int_equal(read_text(*state, "PORT=9000", &error), 0);
    assert_refused(*state, "PORT=0", "from 1");
    assert_int_equal(config_number(*state, CONFIG_PORT), 9000);
}

static void test_a_nul_byte_is_refused(void **state)
{
    struct config_error error;
    assert_int_equal(config_read_text(*state, "PORT=1\0", 7, "test", false, &error), -EINVAL);
}

static void test_a_weak_secret_is_refused(void **state)
{
    struct config_error error;
    const char *weak[] = {"JWT_SECRET=short", "JWT_SECRET=" STRONG "zz"};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(config_read_text(*state, weak[i], strlen(weak[i]), "test", true, &error), -EINVAL);
    const char *strong = "JWT_SECRET=" STRONG;
    assert_int_equal(config_read_text(*state, strong, strlen(strong), "test", true, &error), 0);
    assert_string_equal(config_text(*state, CONFIG_JWT_SECRET), STRONG);
}

static void test_file_modes_are_checked(void **state)
{
    char path[] = "/tmp/config-test-XXXXXX";
    AUTO_FD int fd = mkstemp(path);
    assert_true(fd >= 0);
    const char *text = "JWT_SECRET=" STRONG "\n";
    assert_int_equal(write_all(fd, text, strlen(text)), 0);
    struct config_error error;
    assert_int_equal(fchmod(fd, 0640), 0);
    assert_int_equal(config_read_file(*state, path, true, &error), -EINVAL);
    assert_non_null(strstr(error.text, "chmod 600"));
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(config_read_file(*state, path, true, &error), 0);
    assert_int_equal(fchmod(fd, 0620), 0);
    assert_int_equal(config_read_file(*state, path, false, &error), -EINVAL);
    assert_non_null(strstr(error.text, "chmod go-w"));
    unlink(path);
    assert_int_equal(config_read_file(*state, path, false, &error), -EINVAL);
    assert_non_null(strstr(error.text, "No such file"));
}

static void test_the_environment_wins_and_loses_its_secrets(void **state)
{
    struct config_error error;
    setenv("PORT", "9001", 1);
    setenv("JWT_SECRET", STRONG, 1);
    assert_int_equal(config_read_environment(*state, &error), 0);
    assert_int_equal(config_number(*state, CONFIG_PORT), 9001);
    assert_string_equal(config_text(*state, CONFIG_JWT_SECRET), STRONG);
    assert_null(getenv("JWT_SECRET"));
    setenv("SANDBOX_MEMORY", "1", 1);
    assert_int_equal(config_read_environment(*state, &error), -EINVAL);
    assert_non_null(strstr(error.text, "SANDBOX_MEMORY"));
    unsetenv("SANDBOX_MEMORY");
    unsetenv("PORT");
}

static void test_options_are_taken_out_of_argv(void **state)
{
    char path[] = "/tmp/config-test-XXXXXX";
    AUTO_FD int fd = mkstemp(path);
    assert_int_equal(write_all(fd, "PORT=9002\n", 10), 0);
    char program[] = "program", first[] = "first", option[] = "--config", last[] = "last",
         secrets[] = "--secrets";
    char *argv[] = {program, first, option, path, last, NULL};
    int argc = 5;
    struct config_error error;
    assert_int_equal(config_load(*state, &argc, argv, &error), 0);
    unlink(path);
    assert_int_equal(argc, 3);
    assert_string_equal(argv[2], "last");
    assert_null(argv[3]);
    assert_int_equal(config_number(*state, CONFIG_PORT), 9002);
    char *bare[] = {program, secrets, NULL};
    argc = 2;
    assert_int_equal(config_load(*state, &argc, bare, &error), -EINVAL);
}

static void write_credential(const char *directory, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

static void test_credentials_are_taken_and_checked(void **state)
{
    char directory[] = "/tmp/config-test-XXXXXX", path[128];
    struct config_error error;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(config_read_credentials(*state, directory, "config_", &error), 0);
    write_credential(directory, "config_JWT_SECRET", STRONG "\n");
    write_credential(directory, "config_PORT", "9003");
    write_credential(directory, "other", "not looked at");
    assert_int_equal(config_read_credentials(*state, directory, "config_", &error), 0);
    assert_string_equal(config_text(*state, CONFIG_JWT_SECRET), STRONG);
    assert_int_equal(config_number(*state, CONFIG_PORT), 9003);
    write_credential(directory, "config_PORT", "none");
    assert_int_equal(config_read_credentials(*state, directory, "config_", &error), -EINVAL);
    assert_non_null(strstr(error.text, "PORT must be a whole number"));
    assert_int_equal(config_number(*state, CONFIG_PORT), 9003);
    static const char *const names[] = {"config_JWT_SECRET", "config_PORT", "other"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(directory), 0);
}

static void test_a_value_is_adopted_from_a_later_reading(void **state)
{
    struct config *fresh = config_new();
    struct config_error error;
    assert_int_equal(read_text(*state, "PORT=9001\nHOST=::1", &error), 0);
    assert_int_equal(read_text(fresh, "HOST=127.0.0.2", &error), 0);
    assert_true(config_adopt(*state, fresh, CONFIG_HOST));
    assert_true(config_adopt(*state, fresh, CONFIG_PORT));
    config_free(fresh);
    assert_string_equal(config_text(*state, CONFIG_HOST), "127.0.0.2");
    assert_int_equal(config_number(*state, CONFIG_PORT), 8080);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_every_default_is_valid),
        TEST(test_values_are_taken),
        TEST(test_a_template_changes_what_is_by_template),
        TEST(test_bad_templates_are_refused_with_the_reason),
        TEST(test_there_are_only_so_many_templates),
        TEST(test_bad_lines_are_refused_with_the_reason),
        TEST(test_a_refused_line_leaves_the_value_alone),
        TEST(test_a_nul_byte_is_refused),
        TEST(test_a_weak_secret_is_refused),
        TEST(test_file_modes_are_checked),
        TEST(test_the_environment_wins_and_loses_its_secrets),
        TEST(test_options_are_taken_out_of_argv),
        TEST(test_credentials_are_taken_and_checked),
        TEST(test_a_value_is_adopted_from_a_later_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
