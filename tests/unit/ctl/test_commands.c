#include <unistd.h>

#include "commands.h"

#define PASSWORD "a long enough one"

static struct run result;

// The first test: the others need its schema.
static void test_migrate(void **state)
{
    (void)state;
    RUN("", SANDBOXCTL, "user", "list");
    assert_status(1);
    assert_says(result.errors, "sandboxctl migrate");
    RUN("", SANDBOXCTL, "doctor", "--directory", MIGRATIONS);
    assert_status(1);
    assert_says(result.output, "migrations are not applied; run: sandboxctl migrate");
    RUN("", SANDBOXCTL, "migrate", "--directory", "/nonexistent");
    assert_status(1);
    RUN("", SANDBOXCTL, "migrate", "--directory", MIGRATIONS);
    assert_status(0);
    RUN("", SANDBOXCTL, "migrate", "--directory=" MIGRATIONS);
    assert_status(0);
}

static void test_usage(void **state)
{
    (void)state;
    RUN("", SANDBOXCTL);
    assert_status(2);
    RUN("", SANDBOXCTL, "frobnicate");
    assert_status(2);
    assert_says(result.errors, "frobnicate: no such command");
    assert_string_equal(result.output, "");
    RUN("", SANDBOXCTL, "user");
    assert_status(2);
    RUN("", SANDBOXCTL, "user", "list", "--frob");
    assert_status(2);
    assert_says(result.errors, "usage: sandboxctl user list [--json]");
    RUN("", SANDBOXCTL, "user", "disable");
    assert_status(2);
    RUN("", SANDBOXCTL, "sandbox", "stop", "five");
    assert_status(2);
    RUN("", CREATE_USER, "--password-stdin");
    assert_status(2);
    RUN("", SANDBOXCTL, "help");
    assert_status(0);
    assert_says(result.output, "sandbox stop ID");
    RUN("", SANDBOXCTL, "version");
    assert_status(0);
    RUN("", SANDBOXCTL, "--version");
    assert_string_equal(result.output, SANDBOX_VERSION "\n");
}

static void write_file(char path[static 32], const char *text)
{
    memcpy(path, "/tmp/config-check-XXXXXX", 25);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

// All that is wrong is told at once, and what a misspelt name may stand for.
static void test_config_check(void **state)
{
    (void)state;
    char path[32];
    write_file(path, "SANDBOX_MEMORY_LIMT_MB=99\nPORT=x\nTRUSTED_PROXIES=10.0.0.1/8\nJWT_REFRESH_EXPIRY=100\n"
                     "SANDBOX_LAYERS_REQUIRED=seccomp,landlok\nMETRICS_PORT=8080\nJWT_SECRET=00\n"
                     "TEMPLATE_KIOSK=SOUND=loud\nTEMPLATE_BIG=DISPLAY_MAX_WIDTH=7680\nTEMPLATE_BIG=\n");
    RUN("", SANDBOXCTL, "config", "check", path);
    assert_status(1);
    static const char *const told[] = {
        ":1: unknown key",
        "did you mean SANDBOX_MEMORY_LIMIT_MB?",
        ":2: PORT must be",
        "TRUSTED_PROXIES must be",
        "shorter than JWT_REFRESH_EXPIRY",
        "\"landlok\"",
        "METRICS_PORT and PORT",
        ":7: JWT_SECRET is a secret",
        ":8: TEMPLATE_KIOSK: SOUND must be one of",
        "big stands twice",
    };
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        assert_says(result.output, told[i]);
    unlink(path);
    write_file(path, "TEMPLATE_BIG=DISPLAY_MAX_WIDTH=7680\n");
    RUN("", SANDBOXCTL, "config", "check", path);
    assert_status(1);
    assert_says(result.output, "template big: DISPLAY_MAX_WIDTH is more");
    unlink(path);
    write_file(path, "PORT=8080\nTRUSTED_PROXIES=127.0.0.1\nTEMPLATE_KIOSK=SOUND=false\n");
    RUN("", SANDBOXCTL, "config", "check", path);
    assert_status(0);
    assert_says(result.output, "ok ");
    unlink(path);
    RUN("", SANDBOXCTL, "config", "check", "/nonexistent");
    assert_status(1);
}

static void test_status(void **state)
{
    (void)state;
    setenv("PORT", "1", 1); // nobody listens there
    RUN("", SANDBOXCTL, "status", "--json");
    assert_status(6);
    assert_says(result.output, "\"status\": \"down\"");
    unsetenv("PORT");
    RUN("", SANDBOXCTL, "drain", "--node", "123456789012345678901234567890123");
    assert_status(2);
    RUN("", SANDBOXCTL, "drain", "--off");
    assert_status(0);
    assert_says(result.output, "asked local to take sandboxes again");
}

static void test_create_user(void **state)
{
    struct testing *testing = *state;
    struct store_account account;
    struct password_hash hash;
    RUN("", CREATE_USER, "--username", "root.of.all", "--password", PASSWORD, "--role", "admin");
    assert_status(0);
    assert_stored(store_account_password(testing->store, "root.of.all", &account, &hash));
    assert_int_equal(account.role, ROLE_ADMIN);
    assert_int_equal(password_verify(&hash, PASSWORD, strlen(PASSWORD)), 0);
    RUN(PASSWORD "\nmore\n", CREATE_USER, "--username", "plain", "--password-stdin");
    assert_status(0);
    assert_stored(store_account_password(testing->store, "plain", &account, &hash));
    assert_int_equal(account.role, ROLE_USER);
    assert_int_equal(password_verify(&hash, PASSWORD, strlen(PASSWORD)), 0);
    RUN(PASSWORD, SANDBOXCTL, "user", "create", "PLAIN", "--password-stdin");
    assert_status(3);
}

static void test_refused_users(void **state)
{
    struct testing *testing = *state;
    struct store_account account;
    RUN("too short\n", CREATE_USER, "--username", "weak", "--password-stdin");
    assert_status(1);
    assert_says(result.errors, "10 to 1024");
    RUN("", CREATE_USER, "--username", "weak", "--password-stdin");
    assert_status(1);
    RUN(PASSWORD, CREATE_USER, "--username", "we ak", "--password-stdin");
    assert_status(1);
    RUN(PASSWORD, CREATE_USER, "--username", "weak", "--password-stdin", "--role", "king");
    assert_status(2);
    RUN(PASSWORD, CREATE_USER, "--username", "weak", "--password-stdin", "--password", PASSWORD);
    assert_status(2);
    RUN(PASSWORD, CREATE_USER, "--username", "weak");
    assert_status(2);
    assert_says(result.errors, "--password-stdin");
    assert_int_equal(store_account_by_name(testing->store, "weak", &account), -ENOENT);
}

static void test_ask_for_the_password(void **state)
{
    struct testing *testing = *state;
    struct store_account account;
    struct password_hash hash;
    const char *const argv[] = {CREATE_USER, "--username", "typist", NULL};
    run_on_terminal(&result, (const char *const[]){PASSWORD "\n", "another one, longer\n", NULL}, argv);
    assert_int_equal(result.status, 1);
    assert_says(result.output, "differ");
    run_on_terminal(&result, (const char *const[]){PASSWORD "\n", "\x03", NULL}, argv);
    assert_int_equal(result.status, 1);
    assert_int_equal(store_account_by_name(testing->store, "typist", &account), -ENOENT);
    run_on_terminal(&result, (const char *const[]){PASSWORD "\n", PASSWORD "\n", NULL}, argv);
    assert_int_equal(result.status, 0);
    assert_null(strstr(result.output, PASSWORD));
    assert_stored(store_account_password(testing->store, "typist", &account, &hash));
    assert_int_equal(password_verify(&hash, PASSWORD, strlen(PASSWORD)), 0);
}

static void test_change_users(void **state)
{
    struct testing *testing = *state;
    struct store_account account = testing_account(testing, "changing");
    struct password_hash hash;
    RUN("", SANDBOXCTL, "user", "disable", "changing");
    assert_status(0);
    assert_stored(store_account_by_id(testing->store, &account.id, &account));
    assert_true(account.disabled_us > 0);
    RUN("", SANDBOXCTL, "user", "enable", "--username", "changing");
    assert_status(0);
    assert_stored(store_account_by_id(testing->store, &account.id, &account));
    assert_int_equal(account.disabled_us, 0);
    RUN(PASSWORD, SANDBOXCTL, "user", "passwd", "changing", "--password-stdin");
    assert_status(0);
    assert_stored(store_account_password(testing->store, "changing", &account, &hash));
    assert_int_equal(password_verify(&hash, PASSWORD, strlen(PASSWORD)), 0);
    RUN("", SANDBOXCTL, "user", "disable", "nobody.at.all");
    assert_status(1);
    assert_says(result.errors, "no such user");
}

static void test_lists(void **state)
{
    struct testing *testing = *state;
    struct store_account account = testing_account(testing, "listed");
    struct store_sandbox sandbox = testing_sandbox(testing, &account.id);
    char id[ID_TEXT_SIZE];
    id_format(&sandbox.id, id);
    RUN("", SANDBOXCTL, "user", "list");
    assert_status(0);
    assert_says(result.output, "listed");
    RUN("", SANDBOXCTL, "user", "list", "--json");
    assert_status(0);
    json_t *array = commands_parse_output(&result);
    const json_t *row = commands_find_row(array, "username", "listed");
    assert_string_equal(json_string_value(json_object_get(row, "role")), "user");
    assert_true(json_is_null(json_object_get(row, "disabled_at")));
    json_decref(array);
    RUN("", SANDBOXCTL, "sandbox", "list", "--json", "--node", "local");
    assert_status(0);
    array = commands_parse_output(&result);
    row = commands_find_row(array, "id", id);
    assert_string_equal(json_string_value(json_object_get(row, "username")), "listed");
    assert_string_equal(json_string_value(json_object_get(row, "state")), "starting");
    json_decref(array);
    assert_stored(store_sandbox_ended(testing->store, &sandbox.id, STOP_USER, "", NULL, &sandbox));
    RUN("", SANDBOXCTL, "sandbox", "list");
    assert_null(strstr(result.output, id));
    RUN("", SANDBOXCTL, "sandbox", "list", "--all");
    assert_says(result.output, id);
}

static void test_stop_a_sandbox(void **state)
{
    struct testing *testing = *state;
    struct store_account account = testing_account(testing, "stopped");
    struct store_sandbox sandbox = testing_sandbox(testing, &account.id);
    char id[ID_TEXT_SIZE];
    id_format(&sandbox.id, id);
    RUN("", SANDBOXCTL, "sandbox", "stop", id);
    assert_status(0);
    assert_stored(store_sandbox_get(testing->store, &sandbox.id, NULL, &sandbox));
    assert_int_equal(sandbox.stop_requested, STOP_ADMINISTRATOR);
    assert_stored(store_sandbox_ended(testing->store, &sandbox.id, STOP_ADMINISTRATOR, "", NULL, &sandbox));
    RUN("", SANDBOXCTL, "sandbox", "stop", id);
    assert_status(1);
}

static void test_without_a_database(void **state)
{
    struct testing *testing = *state;
    setenv("DATABASE_URL", "host=/nonexistent", 1);
    RUN("", SANDBOXCTL, "user", "list");
    assert_status(1);
    assert_says(result.errors, "can't be reached");
    unsetenv("DATABASE_URL");
    RUN("", SANDBOXCTL, "user", "list");
    assert_status(1);
    assert_says(result.errors, "DATABASE_URL is not set");
    setenv("SANDBOX_NONSENSE", "1", 1);
    RUN("", SANDBOXCTL, "user", "list");
    assert_status(1);
    assert_says(result.errors, "SANDBOX_NONSENSE");
    unsetenv("SANDBOX_NONSENSE");
    setenv("DATABASE_URL", postgres_fixture_url(testing->postgres), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migrate),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_config_check),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_create_user),
        cmocka_unit_test(test_refused_users),
        cmocka_unit_test(test_ask_for_the_password),
        cmocka_unit_test(test_change_users),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_stop_a_sandbox),
        cmocka_unit_test(test_without_a_database),
    };
    return cmocka_run_group_tests(tests, commands_set_up, testing_tear_down);
}
