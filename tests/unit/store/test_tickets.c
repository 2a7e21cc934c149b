#include <poll.h>

#include "store/notification.h"
#include "store_testing.h"

static struct digest insert(struct testing *testing, const struct store_sandbox *sandbox,
                            enum ticket_access access)
{
    struct digest digest = testing_digest();
    struct store_ticket ticket = {sandbox->id, sandbox->account, access};
    int64_t expires_us = 0;
    assert_stored(store_ticket_insert(testing->store, &digest, &ticket, &expires_us));
    assert_true(expires_us > sandbox->created_us);
    return digest;
}

static void test_a_ticket_works_once(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "ticketed");
    struct store_sandbox sandbox = testing_sandbox(testing, &owner.id);
    struct digest digest = insert(testing, &sandbox, TICKET_VIEW);
    struct store_ticket ticket;
    assert_stored(store_ticket_take(testing->store, &digest, &ticket));
    assert_true(id_equal(&ticket.sandbox, &sandbox.id));
    assert_true(id_equal(&ticket.account, &owner.id));
    assert_int_equal(ticket.access, TICKET_VIEW);
    assert_int_equal(store_ticket_take(testing->store, &digest, &ticket), -ENOENT);
}

static void test_expired_tickets(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "late");
    struct store_sandbox sandbox = testing_sandbox(testing, &owner.id);
    struct digest taken = insert(testing, &sandbox, TICKET_CONTROL);
    insert(testing, &sandbox, TICKET_CONTROL);
    struct store_ticket ticket;
    testing_sql(testing, "UPDATE tickets SET expires_at = expires_at - interval '30 seconds'");
    assert_int_equal(store_ticket_take(testing->store, &taken, &ticket), -EKEYEXPIRED);
    assert_int_equal(store_ticket_take(testing->store, &taken, &ticket), -ENOENT);
    assert_stored(store_prune(testing->store));
    assert_string_equal(testing_sql(testing, "SELECT count(*) FROM tickets"), "0");
}

static void test_tickets_for_nothing(void **state)
{
    struct testing *testing = *state;
    struct digest digest = testing_digest();
    struct store_ticket ticket = {id_new(), id_new(), TICKET_CONTROL};
    int64_t expires_us;
    assert_int_equal(store_ticket_insert(testing->store, &digest, &ticket, &expires_us), -ENOENT);
}

static void test_disabling_takes_tickets_away(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "gone");
    struct store_sandbox sandbox = testing_sandbox(testing, &owner.id);
    struct digest before = insert(testing, &sandbox, TICKET_CONTROL);
    struct store_ticket ticket;
    assert_stored(store_account_disable(testing->store, &owner.id));
    assert_int_equal(store_ticket_take(testing->store, &before, &ticket), -ENOENT);
    struct digest after = insert(testing, &sandbox, TICKET_CONTROL);
    assert_int_equal(store_ticket_take(testing->store, &after, &ticket), -EKEYREVOKED);
}

static void await(struct store *listener)
{
    struct pollfd socket = {.fd = store_listen_socket(listener), .events = POLLIN};
    assert_int_equal(poll(&socket, 1, 10000), 1);
}

static void test_notifications(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "notified");
    struct store_sandbox sandbox = testing_sandbox(testing, &owner.id);
    struct store *listener = store_new(postgres_fixture_url(testing->postgres));
    struct store_notification notification;
    assert_int_equal(store_listen_socket(listener), -ENOTCONN);
    assert_int_equal(store_next_notification(listener, &notification), -ENOTCONN);
    assert_stored(store_listen(listener));
    assert_int_equal(store_next_notification(listener, &notification), -EAGAIN);

    testing_sql(testing, "NOTIFY sandbox_server, 'nonsense'");
    testing_sql(testing, "NOTIFY sandbox_server, 'stop me'");
    assert_stored(store_sandbox_request_stop(testing->store, &sandbox.id, STOP_ADMINISTRATOR));
    await(listener);
    int error = store_next_notification(listener, &notification);
    while (error == -EAGAIN) {
        await(listener);
        error = store_next_notification(listener, &notification);
    }
    assert_stored(error);
    assert_int_equal(notification.kind, NOTIFICATION_STOP);
    assert_true(id_equal(&notification.id, &sandbox.id));
    assert_stored(store_sandbox_get(testing->store, &sandbox.id, NULL, &sandbox));
    assert_int_equal(sandbox.stop_requested, STOP_ADMINISTRATOR);

    assert_stored(store_account_disable(testing->store, &owner.id));
    await(listener);
    assert_stored(store_next_notification(listener, &notification));
    assert_int_equal(notification.kind, NOTIFICATION_ACCOUNT_DISABLED);
    assert_true(id_equal(&notification.id, &owner.id));
    store_free(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_ticket_works_once), cmocka_unit_test(test_expired_tickets),
        cmocka_unit_test(test_tickets_for_nothing), cmocka_unit_test(test_disabling_takes_tickets_away),
        cmocka_unit_test(test_notifications),
    };
    return cmocka_run_group_tests(tests, testing_set_up, testing_tear_down);
}
