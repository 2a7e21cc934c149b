#include "store_testing.h"

#include "store/share.h"

static struct store_sandbox running(struct testing *testing, const char *owner)
{
    struct store_account account = testing_account(testing, owner);
    struct store_sandbox sandbox = testing_sandbox(testing, &account.id);
    assert_stored(store_sandbox_started(testing->store, &sandbox.id, STORE_START_PARKED, &sandbox));
    return sandbox;
}

static struct store_share_order order_of(const struct store_sandbox *sandbox)
{
    return (struct store_share_order){
        .id = id_new(),
        .sandbox = sandbox->id,
        .account = sandbox->account,
        .token = testing_digest(),
        .control = true,
        .label = "Ann",
        .seconds = 600,
    };
}

static void test_a_life(void **state)
{
    struct testing *testing = *state;
    struct store_sandbox sandbox = running(testing, "sharer");
    struct store_share_order order = order_of(&sandbox);
    struct store_share share, found;
    assert_stored(store_share_create(testing->store, &order, &share));
    assert_true(share.control && id_equal(&share.account, &sandbox.account));
    assert_string_equal(share.label, "Ann");
    assert_string_equal(share.node, "local");
    assert_int_equal(share.expires_us - share.created_us, 600000000);
    assert_stored(store_share_by_token(testing->store, &order.token, &found));
    assert_memory_equal(&share, &found, sizeof(share));
    struct store_share wish = {.id = share.id, .sandbox = sandbox.id, .control = false};
    assert_stored(store_share_set_access(testing->store, &sandbox.account, &wish, &found));
    assert_false(found.control);
    struct store_share_list list;
    assert_stored(store_share_list(testing->store, &sandbox.id, &sandbox.account, &list));
    assert_int_equal(list.count, 1);
    store_share_list_finish(&list);
    assert_stored(store_share_revoke(testing->store, &sandbox.account, &wish));
    assert_int_equal(store_share_revoke(testing->store, &sandbox.account, &wish), -ENOENT);
    assert_int_equal(store_share_by_token(testing->store, &order.token, &found), -ENOENT);
    assert_int_equal(store_share_by_id(testing->store, &share.id, &found), -ENOENT);
}

static void test_only_the_owner(void **state)
{
    struct testing *testing = *state;
    struct store_sandbox mine = running(testing, "mine"), theirs = running(testing, "theirs");
    struct store_share_order order = order_of(&mine);
    struct store_share share, found;
    order.account = theirs.account;
    assert_int_equal(store_share_create(testing->store, &order, &share), -ENOENT);
    order.account = mine.account;
    assert_stored(store_share_create(testing->store, &order, &share));
    assert_int_equal(store_share_set_access(testing->store, &theirs.account, &share, &found), -ENOENT);
    assert_int_equal(store_share_revoke(testing->store, &theirs.account, &share), -ENOENT);
    struct store_share elsewhere = {.id = share.id, .sandbox = theirs.id};
    assert_int_equal(store_share_revoke(testing->store, &mine.account, &elsewhere), -ENOENT);
    struct store_share_list list;
    assert_stored(store_share_list(testing->store, &mine.id, &theirs.account, &list));
    assert_int_equal(list.count, 0);
    store_share_list_finish(&list);
}

static void test_what_ends_one(void **state)
{
    struct testing *testing = *state;
    struct store_sandbox sandbox = running(testing, "ending");
    struct store_share_order order = order_of(&sandbox);
    struct store_share share;
    assert_stored(store_share_create(testing->store, &order, &share));
    testing_sql(testing, "UPDATE shares SET expires_at = now()");
    assert_int_equal(store_share_by_token(testing->store, &order.token, &share), -ENOENT);
    testing_sql(testing, "UPDATE shares SET expires_at = now() + interval '1 hour'");
    assert_stored(store_share_by_token(testing->store, &order.token, &share));
    testing_sql(testing, "UPDATE accounts SET disabled_at = now() WHERE username = 'ending'");
    assert_int_equal(store_share_by_token(testing->store, &order.token, &share), -ENOENT);
    testing_sql(testing, "UPDATE accounts SET disabled_at = NULL");
    assert_stored(
        store_sandbox_ended(testing->store, &sandbox.id, STOP_USER, "You stopped it.", NULL, &sandbox));
    assert_int_equal(store_share_by_token(testing->store, &order.token, &share), -ENOENT);
    assert_stored(store_prune(testing->store));
    assert_string_equal(testing_sql(testing, "SELECT count(*) FROM shares s JOIN sandboxes b ON b.id = "
                                             "s.sandbox_id WHERE b.state = 'ended'"),
                        "0");
}

static void test_so_many(void **state)
{
    struct testing *testing = *state;
    struct store_sandbox sandbox = running(testing, "many");
    struct store_share share;
    for (int i = 0; i < STORE_SHARES_MAX; i++) {
        struct store_share_order order = order_of(&sandbox);
        assert_stored(store_share_create(testing->store, &order, &share));
    }
    struct store_share_order order = order_of(&sandbox);
    assert_int_equal(store_share_create(testing->store, &order, &share), -EDQUOT);
    assert_stored(store_share_revoke(testing->store, &sandbox.account, &share));
    assert_stored(store_share_create(testing->store, &order, &share));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life),
        cmocka_unit_test(test_only_the_owner),
        cmocka_unit_test(test_what_ends_one),
        cmocka_unit_test(test_so_many),
    };
    return cmocka_run_group_tests(tests, testing_set_up, testing_tear_down);
}
