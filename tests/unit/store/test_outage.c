#include <poll.h>
#include <time.h>

#include "store/notification.h"
#include "store_testing.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void test_stopped_and_started_again(void **state)
{
    struct testing *testing = *state;
    struct store_account account = testing_account(testing, "patient");
    assert_int_equal(postgres_fixture_stop(testing->postgres), 0);
    double start = now();
    assert_int_equal(store_account_by_id(testing->store, &account.id, &account), -ENOTCONN);
    assert_int_equal(store_ping(testing->store), -ENOTCONN);
    assert_true(now() - start < 1);
    assert_string_not_equal(store_error(testing->store), "");
    assert_null(strchr(store_error(testing->store), '\n'));
    assert_int_equal(postgres_fixture_start(testing->postgres), 0);
    assert_stored(store_account_by_id(testing->store, &account.id, &account));
    assert_string_equal(account.username, "patient");
}

static void test_a_restart_between_two_calls_goes_unnoticed(void **state)
{
    struct testing *testing = *state;
    assert_stored(store_ping(testing->store));
    assert_int_equal(postgres_fixture_stop(testing->postgres), 0);
    assert_int_equal(postgres_fixture_start(testing->postgres), 0);
    assert_stored(store_ping(testing->store));
}

static void test_a_database_that_does_not_answer(void **state)
{
    struct testing *testing = *state;
    assert_stored(store_ping(testing->store));
    assert_int_equal(postgres_fixture_freeze(testing->postgres), 0);
    double start = now();
    int error = store_ping(testing->store);
    double waited = now() - start;
    assert_int_equal(postgres_fixture_thaw(testing->postgres), 0);
    assert_int_equal(error, -ENOTCONN);
    assert_true(waited > 1 && waited < 8);
    assert_stored(store_ping(testing->store));
}

static void test_a_statement_that_takes_too_long(void **state)
{
    struct testing *testing = *state;
    struct store_account account = testing_account(testing, "locked");
    PGconn *holder = PQconnectdb(postgres_fixture_url(testing->postgres));
    PQclear(PQexec(holder, "BEGIN"));
    PQclear(PQexec(holder, "SELECT FROM accounts FOR UPDATE"));
    assert_int_equal(store_account_disable(testing->store, &account.id), -ETIMEDOUT);
    PQfinish(holder);
    assert_stored(store_account_disable(testing->store, &account.id));
}

static void test_a_listener_hears_of_the_end(void **state)
{
    struct testing *testing = *state;
    struct store *listener = store_new(postgres_fixture_url(testing->postgres));
    struct store_notification notification;
    assert_stored(store_listen(listener));
    assert_int_equal(postgres_fixture_stop(testing->postgres), 0);
    int error;
    do {
        struct pollfd socket = {.fd = store_listen_socket(listener), .events = POLLIN};
        assert_int_equal(poll(&socket, 1, 60000), 1);
        error = store_next_notification(listener, &notification);
    } while (error == -EAGAIN);
    assert_int_equal(error, -ENOTCONN);
    assert_int_equal(store_listen(listener), -ENOTCONN);
    assert_int_equal(postgres_fixture_start(testing->postgres), 0);
    assert_stored(store_listen(listener));
    assert_int_equal(store_next_notification(listener, &notification), -EAGAIN);
    store_free(listener);
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct store *store = store_new("host=/nonexistent user=tester dbname=postgres");
    assert_int_equal(store_ping(store), -ENOTCONN);
    store_free(store);
    store = store_new("not a connection string");
    assert_int_equal(store_ping(store), -ENOTCONN);
    assert_string_not_equal(store_error(store), "");
    store_free(store);
    store_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped_and_started_again),
        cmocka_unit_test(test_a_restart_between_two_calls_goes_unnoticed),
        cmocka_unit_test(test_a_database_that_does_not_answer),
        cmocka_unit_test(test_a_statement_that_takes_too_long),
        cmocka_unit_test(test_a_listener_hears_of_the_end),
        cmocka_unit_test(test_nobody_there),
    };
    return cmocka_run_group_tests(tests, testing_set_up, testing_tear_down);
}
