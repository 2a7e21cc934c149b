#include "cmocka_all.h"

#include "server/routes.h"

#define ID "01a1fbd9-ab48-77d1-9077-40a96b00dd6e"

static struct route_match find(enum http_method method, const char *path)
{
    struct route_match match;
    routes_find(SITE_WEB, method, path, &match);
    return match;
}

static void test_finds(void **state)
{
    (void)state;
    assert_string_equal(find(HTTP_GET, "/health").route->pattern, "/health");
    assert_string_equal(find(HTTP_HEAD, "/health").route->pattern, "/health");
    assert_string_equal(find(HTTP_POST, "/api/sandboxes").route->pattern, "/api/sandboxes");
    struct route_match match = find(HTTP_DELETE, "/api/sandboxes/" ID);
    assert_string_equal(match.route->pattern, "/api/sandboxes/{id}");
    char text[ID_TEXT_SIZE];
    id_format(&match.ids[0], text);
    assert_string_equal(text, ID);
    assert_string_equal(find(HTTP_POST, "/api/sandboxes/" ID "/ticket").route->pattern,
                        "/api/sandboxes/{id}/ticket");
    match = find(HTTP_DELETE, "/api/sandboxes/01a1fbd9-ab48-77d1-9077-40a96b00dd6f/shares/" ID);
    assert_string_equal(match.route->pattern, "/api/sandboxes/{id}/shares/{id}");
    assert_false(id_equal(&match.ids[0], &match.ids[1]));
    id_format(&match.ids[1], text);
    assert_string_equal(text, ID);
}

static void test_misses(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/api",
        "/api/sandboxes/",
        "/api/sandboxes/" ID "/",
        "/api/sandboxes/" ID "/ticket/",
        "/api/sandboxes/" ID "x",
        "/api/sandboxes/none",
        "/api/sandboxes/" ID "/shares/none",
        "/api/sandboxes/none/shares/" ID,
        "/api/sandboxes/" ID "/shares/" ID "/",
        "/API/sandboxes",
        "/metrics",
        "",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct route_match match = find(HTTP_GET, paths[i]);
        assert_null(match.route);
        assert_string_equal(match.allow, "");
    }
}

static void test_names_the_methods(void **state)
{
    (void)state;
    assert_string_equal(find(HTTP_DELETE, "/api/sandboxes").allow, "GET, HEAD, POST");
    assert_string_equal(find(HTTP_OTHER, "/api/sandboxes/" ID).allow, "GET, HEAD, PATCH, DELETE");
    assert_string_equal(find(HTTP_GET, "/api/auth/login").allow, "POST");
    assert_null(find(HTTP_GET, "/api/auth/login").route);
}

static void test_metrics_are_apart(void **state)
{
    (void)state;
    struct route_match match;
    routes_find(SITE_METRICS, HTTP_GET, "/metrics", &match);
    assert_non_null(match.route);
    routes_find(SITE_METRICS, HTTP_GET, "/api/sandboxes", &match);
    assert_null(match.route);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_misses),
        cmocka_unit_test(test_names_the_methods),
        cmocka_unit_test(test_metrics_are_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
