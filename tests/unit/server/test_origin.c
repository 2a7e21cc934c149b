#include "cmocka_all.h"

#include "server/origin.h"

static void test_own_page(void **state)
{
    (void)state;
    assert_true(origin_permitted("", "localhost:8080", ""));
    assert_true(origin_permitted("http://localhost:8080", "localhost:8080", ""));
    assert_true(origin_permitted("https://desk.example.org", "desk.example.org", ""));
    assert_true(origin_permitted("https://Desk.example.org", "desk.example.org", ""));
}

static void test_foreign_pages(void **state)
{
    (void)state;
    static const char *const foreign[] = {
        "null",
        "http://localhost:8081",
        "http://localhost",
        "http://localhost:80800",
        "http://evil.example",
        "http://localhost:8080.evil.example",
        "http://localhost:8080/",
        "http://user@localhost:8080",
        "ftp://localhost:8080",
        "localhost:8080",
        "http://",
        " ",
    };
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        assert_false(origin_permitted(foreign[i], "localhost:8080", "https://desk.example.org"));
    assert_false(origin_permitted("http://", "", ""));
}

static void test_allowed_list(void **state)
{
    (void)state;
    static const char list[] = " https://a.example  http://b.example:81 ";
    assert_true(origin_permitted("https://a.example", "x", list));
    assert_true(origin_permitted("http://b.example:81", "x", list));
    assert_false(origin_permitted("http://b.example", "x", list));
    assert_false(origin_permitted("https://a.exampl", "x", list));
    assert_false(origin_permitted("https://a.example  http://b.example:81", "x", list));
    assert_true(origin_list_valid(list));
    assert_true(origin_list_valid(""));
    assert_false(origin_list_valid("a.example"));
    assert_false(origin_list_valid("https://"));
    assert_false(origin_list_valid("https://a.example/path"));
    assert_false(origin_list_valid("https://a.example *"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_page),
        cmocka_unit_test(test_foreign_pages),
        cmocka_unit_test(test_allowed_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
