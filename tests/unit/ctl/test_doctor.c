// What sandboxctl doctor finds.
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "commands.h"

static struct run result;

static int set_up(void **state)
{
    if (commands_set_up(state))
        return -1;
    RUN("", SANDBOXCTL, "migrate", "--directory", MIGRATIONS);
    return result.status;
}

static const char *finding(const json_t *array, const char *check)
{
    const json_t *row = commands_find_row(array, "check", check);
    return row ? json_string_value(json_object_get(row, "state")) : "none";
}

static void test_doctor(void **state)
{
    struct testing *testing = *state;
    char directory[] = "/tmp/doctor-XXXXXX";
    assert_non_null(mkdtemp(directory));
    setenv("FILE_STORAGE_PATH", directory, 1);
    setenv("WEB_ROOT", directory, 1);
    setenv("PROGRAM_DIR", "/nonexistent", 1);
    RUN("", SANDBOXCTL, "doctor", "--json", "--directory", MIGRATIONS);
    assert_status(1); // there is no sandboxd
    json_t *array = commands_parse_output(&result);
    assert_string_equal(finding(array, "database"), "ok");
    assert_string_equal(finding(array, "configuration"), "ok");
    assert_string_not_equal(finding(array, "storage"), "failed");
    assert_string_equal(finding(array, "web client"), "failed");
    assert_string_equal(finding(array, "isolation"), "failed");
    assert_string_equal(finding(array, "pool"), "ok");
    json_decref(array);
    setenv("SANDBOX_POOL_MEMORY_MB", "0", 1); // and one desktop is wanted
    assert_int_equal(chmod(directory, 0777), 0);
    setenv("DATABASE_URL", "host=/nonexistent", 1);
    RUN("", SANDBOXCTL, "doctor", "--json", "--directory", MIGRATIONS);
    assert_status(1);
    array = commands_parse_output(&result);
    assert_string_equal(finding(array, "database"), "failed");
    assert_string_equal(finding(array, "storage"), "failed");
    assert_string_equal(finding(array, "pool"), "weak");
    json_decref(array);
    unsetenv("SANDBOX_POOL_MEMORY_MB");
    setenv("DATABASE_URL", postgres_fixture_url(testing->postgres), 1);
    unsetenv("FILE_STORAGE_PATH");
    unsetenv("WEB_ROOT");
    unsetenv("PROGRAM_DIR");
    assert_int_equal(rmdir(directory), 0);
}

// The finding of a doctor that sees these two settings.
static void assert_tls(const char *host, const char *origins, const char *state, const char *says)
{
    setenv("HOST", host, 1);
    setenv("ALLOWED_ORIGINS", origins, 1);
    RUN("", SANDBOXCTL, "doctor", "--json", "--directory", MIGRATIONS);
    json_t *array = commands_parse_output(&result);
    const json_t *row = commands_find_row(array, "check", "TLS");
    assert_string_equal(finding(array, "TLS"), state);
    assert_says(json_string_value(json_object_get(row, "detail")), says);
    json_decref(array);
    unsetenv("HOST");
    unsetenv("ALLOWED_ORIGINS");
}

static void test_doctor_on_tls(void **state)
{
    (void)state;
    static const char site[] = "https://desk.example.org";
    static const char *const open[] = {"0.0.0.0", "::", "127.0.0.1.example.org"};
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        assert_tls(open[i], site, "failed",
                   "passwords would cross the network in the clear; set HOST=127.0.0.1");
    static const char *const shut[] = {"127.9.9.9", "::1", "localhost"};
    for (size_t i = 0; i < sizeof(shut) / sizeof(shut[0]); i++)
        assert_tls(shut[i], site, "ok", "behind https://desk.example.org");
    assert_tls("127.0.0.1", "", "weak", "ALLOWED_ORIGINS names no origin");
    assert_tls("127.0.0.1", "http://desk.example.org", "weak", "permits pages without TLS; write https://");
    assert_tls("127.0.0.1", "https://desk.example.org http://desk.example.org", "weak", "without TLS");
}

// Behind a proxy that is not known, everybody is one source.
static void test_doctor_on_the_proxy(void **state)
{
    (void)state;
    setenv("ALLOWED_ORIGINS", "https://desk.example.org", 1);
    for (int known = 0; known < 2; known++) {
        if (known)
            setenv("TRUSTED_PROXIES", "127.0.0.1", 1);
        RUN("", SANDBOXCTL, "doctor", "--json", "--directory", MIGRATIONS);
        json_t *array = commands_parse_output(&result);
        assert_string_equal(finding(array, "proxy"), known ? "none" : "weak");
        json_decref(array);
    }
    unsetenv("TRUSTED_PROXIES");
    unsetenv("ALLOWED_ORIGINS");
}

static void assert_certificate(const char *path, const char *state, const char *says)
{
    setenv("CERTIFICATE_FILE", path, 1);
    RUN("", SANDBOXCTL, "doctor", "--json", "--directory", MIGRATIONS);
    json_t *array = commands_parse_output(&result);
    const json_t *row = commands_find_row(array, "check", "certificate");
    assert_string_equal(finding(array, "certificate"), state);
    assert_says(json_string_value(json_object_get(row, "detail")), says);
    json_decref(array);
    unsetenv("CERTIFICATE_FILE");
}

static void test_doctor_on_the_certificate(void **state)
{
    (void)state;
    char path[] = "/tmp/doctor-certificate-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_certificate(path, "failed", "no certificate that can be read");
    static const char *const days[][3] = {{"40", "ok", " ends in "},
                                          {"10", "weak", " days; run: certbot renew"}};
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        RUN("", "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", "/CN=localhost", "-keyout", "/dev/null", "-out", path, "-days", days[i][0]);
        assert_status(0);
        assert_certificate(path, days[i][1], days[i][2]);
    }
    assert_int_equal(unlink(path), 0);
}

// What it says of this machine's clock is what the kernel says.
static void test_doctor_on_the_clock(void **state)
{
    (void)state;
    struct timex clock = {0};
    int told = adjtimex(&clock);
    bool well = told >= 0 && told != TIME_ERROR && !(clock.status & STA_UNSYNC);
    RUN("", SANDBOXCTL, "doctor", "--json", "--directory", MIGRATIONS);
    json_t *array = commands_parse_output(&result);
    assert_string_equal(finding(array, "clock"), well ? "ok" : "weak");
    const json_t *row = commands_find_row(array, "check", "clock");
    const char *detail = json_string_value(json_object_get(row, "detail"));
    if (told >= 0)
        assert_says(detail, well ? "synchronised, " : "run: timedatectl set-ntp true");
    json_decref(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doctor),
        cmocka_unit_test(test_doctor_on_tls),
        cmocka_unit_test(test_doctor_on_the_proxy),
        cmocka_unit_test(test_doctor_on_the_certificate),
        cmocka_unit_test(test_doctor_on_the_clock),
    };
    return cmocka_run_group_tests(tests, set_up, testing_tear_down);
}
