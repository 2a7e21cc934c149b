#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "server/json_body.h"

struct result {
    char name[5];
    char access[8];
};

static const struct json_field fields[] = {
    {"name", true, 1, 4, NULL, offsetof(struct result, name)},
    {"access", false, 1, 7, "control|view", offsetof(struct result, access)},
};

static int parse(const char *text, struct result *result, char *wrong)
{
    memset(result, 0, sizeof(*result));
    return json_body_read(text, strlen(text), fields, 2, result, wrong);
}

static void test_takes_known_fields(void **state)
{
    (void)state;
    struct result result;
    char wrong[JSON_BODY_WRONG_MAX];
    assert_int_equal(parse("{\"name\":\"abcd\"}", &result, wrong), 0);
    assert_string_equal(result.name, "abcd");
    assert_string_equal(result.access, "");
    assert_int_equal(parse(" {\"access\":\"view\", \"name\":\"\\u00e9\"} ", &result, wrong), 0);
    assert_string_equal(result.access, "view");
}

static void test_refuses_the_rest(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "\"name\"",
        "{",
        "{}",
        "{\"name\":1}",
        "{\"name\":null}",
        "{\"name\":[\"a\"]}",
        "{\"name\":\"\"}",
        "{\"name\":\"abcde\"}",
        "{\"name\":\"a\\u0000b\"}",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"name\":\"a\",\"other\":1}",
        "{\"name\":\"a\",\"Name\":\"a\"}",
        "{\"name\":\"a\",\"access\":\"\"}",
        "{\"name\":\"a\",\"access\":\"contro\"}",
        "{\"name\":\"a\",\"access\":\"view|\"}",
        "{\"name\":\"a\"} x",
        "{\"name\":\"\xff\"}",
        "{'name':'a'}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct result result;
        char wrong[JSON_BODY_WRONG_MAX] = "";
        assert_int_equal(parse(bodies[i], &result, wrong), -EINVAL);
        assert_true(strlen(wrong) > 10);
    }
}

static void test_refuses_deep_nesting(void **state)
{
    (void)state;
    char text[8192];
    struct result result;
    char wrong[JSON_BODY_WRONG_MAX];
    memset(text, '[', sizeof(text));
    assert_int_equal(json_body_read(text, sizeof(text), fields, 2, &result, wrong), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_known_fields),
        cmocka_unit_test(test_refuses_the_rest),
        cmocka_unit_test(test_refuses_deep_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
