#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "server/clock.h"
#include "server/http_request.h"
#include "server/upgrade.h"

static void test_cookie(void **state)
{
    (void)state;
    char value[8];
    assert_true(http_cookie("a=1; refresh_token=abc; b=2", "refresh_token", value, sizeof(value)));
    assert_string_equal(value, "abc");
    assert_true(http_cookie("xrefresh_token=abc", "refresh_token", value, sizeof(value)));
    assert_string_equal(value, "");
    assert_true(http_cookie("", "refresh_token", value, sizeof(value)));
    assert_string_equal(value, "");
    // A second one could be an attacker's, set for a parent domain.
    assert_false(http_cookie("refresh_token=a; refresh_token=b", "refresh_token", value, sizeof(value)));
    assert_false(http_cookie("refresh_token=12345678", "refresh_token", value, sizeof(value)));
    assert_true(http_cookie("refresh_token=1234567", "refresh_token", value, sizeof(value)));
}

static void test_desktop_path(void **state)
{
    (void)state;
    static const char good[] = "/ws/local/sandboxes/01a1fbd9-ab48-77d1-9077-40a96b00dd6e/desktop";
    struct upgrade_path path;
    assert_int_equal(upgrade_parse_path(good, &path), 0);
    assert_string_equal(path.node, "local");
    static const char *const wrong[] = {
        "",
        "/",
        "/ws/",
        "/ws//sandboxes/01a1fbd9-ab48-77d1-9077-40a96b00dd6e/desktop",
        "/ws/local/sandboxes/",
        "/ws/local/sandboxes/01a1fbd9-ab48-77d1-9077-40a96b00dd6e",
        "/ws/local/sandboxes/01a1fbd9-ab48-77d1-9077-40a96b00dd6e/desktop/",
        "/ws/local/sandboxes/01a1fbd9-ab48-77d1-9077-40a96b00dd6g/desktop",
        "/ws/local/sandbox/01a1fbd9-ab48-77d1-9077-40a96b00dd6e/desktop",
        "/ws/a-name-that-is-longer-than-32-bytes/sandboxes/01a1fbd9-ab48-77d1-9077-40a96b00dd6e/desktop",
        "/wx/local/sandboxes/01a1fbd9-ab48-77d1-9077-40a96b00dd6e/desktop",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(upgrade_parse_path(wrong[i], &path), -ENOENT);
}

static void test_time_text(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    clock_format(1750000000123456, text);
    assert_string_equal(text, "2025-06-15T15:06:40.123456Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookie),
        cmocka_unit_test(test_desktop_path),
        cmocka_unit_test(test_time_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
