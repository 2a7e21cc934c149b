#include <pthread.h>

#include "store_testing.h"

static void test_a_life(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "owner");
    struct store_sandbox sandbox = testing_sandbox(testing, &owner.id);
    assert_true(id_equal(&sandbox.account, &owner.id));
    assert_string_equal(sandbox.template_name, "desktop");
    assert_string_equal(sandbox.node, "local");
    assert_int_equal(sandbox.state, STATE_STARTING);
    assert_int_equal(sandbox.limits.memory_mb, 2048);
    assert_int_equal(sandbox.display_height, 1080);
    assert_int_equal(sandbox.layers[LAYER_SECCOMP].state, LAYER_ON);
    assert_string_equal(sandbox.layers[LAYER_LANDLOCK].detail, "an older kernel");
    assert_int_equal(sandbox.layers[LAYER_ROOT].state, LAYER_MISSING);
    assert_true(sandbox.started_us == 0 && sandbox.expires_us == 0 && sandbox.ended_us == 0);
    assert_true(sandbox.usage.cpu_us == UINT64_MAX && sandbox.stop_reason == STOP_NONE);

    assert_string_equal(sandbox.policy, "{\"sound\": true}");
    assert_int_equal(sandbox.start, STORE_START_UNKNOWN);
    assert_stored(store_sandbox_started(testing->store, &sandbox.id, STORE_START_PARKED, &sandbox));
    assert_int_equal(sandbox.state, STATE_RUNNING);
    assert_int_equal(sandbox.start, STORE_START_PARKED);
    assert_int_equal(sandbox.expires_us - sandbox.started_us, 600000000);
    assert_int_equal(sandbox.idle_expires_us - sandbox.started_us, 60000000);
    assert_stored(store_sandbox_active_at(testing->store, &sandbox.id, sandbox.started_us + 5000000));
    assert_stored(store_sandbox_active_at(testing->store, &sandbox.id, sandbox.started_us + 1000000));
    int64_t started = sandbox.started_us;
    assert_stored(store_sandbox_started(testing->store, &sandbox.id, STORE_START_COLD, &sandbox));
    assert_int_equal(sandbox.start, STORE_START_PARKED);
    assert_int_equal(sandbox.idle_expires_us - started, 65000000);
    assert_int_equal(sandbox.started_us, started);

    assert_stored(store_sandbox_stopping(testing->store, &sandbox.id, STOP_IDLE, &sandbox));
    assert_int_equal(sandbox.state, STATE_STOPPING);
    assert_stored(store_sandbox_stopping(testing->store, &sandbox.id, STOP_USER, &sandbox));
    assert_int_equal(sandbox.stop_reason, STOP_IDLE);
    struct sandbox_usage usage = SANDBOX_USAGE_UNKNOWN;
    usage.cpu_us = 1500000;
    usage.peak_memory_bytes = 123456789;
    usage.network_refused = 3;
    usage.processes = 42;
    usage.refused_processes = 0;
    usage.written_bytes = UINT64_MAX - 1; // more than a row can hold
    assert_stored(
        store_sandbox_ended(testing->store, &sandbox.id, STOP_CRASH, "Nobody was there.", &usage, &sandbox));
    assert_int_equal(sandbox.state, STATE_ENDED);
    assert_int_equal(sandbox.stop_reason, STOP_IDLE);
    assert_string_equal(sandbox.stop_detail, "Nobody was there.");
    assert_true(sandbox.usage.cpu_us == 1500000 && sandbox.usage.peak_memory_bytes == 123456789);
    assert_true(sandbox.usage.network_in_bytes == UINT64_MAX && sandbox.usage.network_refused == 3);
    assert_true(sandbox.usage.processes == 42 && sandbox.usage.refused_processes == 0 &&
                sandbox.usage.written_bytes == INT64_MAX);
    assert_true(sandbox.ended_us >= sandbox.started_us && sandbox.idle_expires_us == 0);
}

static void test_an_ended_one_stays_as_it_ended(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "ended");
    struct store_sandbox first = testing_sandbox(testing, &owner.id);
    struct store_sandbox again;
    assert_stored(
        store_sandbox_ended(testing->store, &first.id, STOP_START_FAILED, "No display.", NULL, &first));
    assert_stored(store_sandbox_ended(testing->store, &first.id, STOP_NODE_RESTART, "x", NULL, &again));
    assert_stored(store_sandbox_started(testing->store, &first.id, STORE_START_UNKNOWN, &again));
    assert_stored(store_sandbox_stopping(testing->store, &first.id, STOP_USER, &again));
    assert_memory_equal(&first, &again, sizeof(first));
    assert_true(again.usage.processes == UINT64_MAX && again.usage.refused_processes == UINT64_MAX &&
                again.usage.written_bytes == UINT64_MAX);
    assert_int_equal(store_sandbox_active_at(testing->store, &first.id, 1), -ENOENT);
    assert_int_equal(store_sandbox_request_stop(testing->store, &first.id, STOP_ADMINISTRATOR), -ENOENT);
}

static void test_unknown_ones(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "mine");
    struct store_account stranger = testing_account(testing, "stranger");
    struct store_sandbox sandbox = testing_sandbox(testing, &owner.id);
    struct id unknown = id_new();
    struct store_sandbox found;
    assert_int_equal(store_sandbox_get(testing->store, &unknown, NULL, &found), -ENOENT);
    assert_int_equal(store_sandbox_get(testing->store, &sandbox.id, &stranger.id, &found), -ENOENT);
    assert_stored(store_sandbox_get(testing->store, &sandbox.id, &owner.id, &found));
    assert_int_equal(store_sandbox_started(testing->store, &unknown, STORE_START_COLD, &found), -ENOENT);
    assert_int_equal(store_sandbox_ended(testing->store, &unknown, STOP_CRASH, "", NULL, &found), -ENOENT);
    struct store_sandbox_order order = testing_order(&unknown);
    enum store_outcome outcome;
    assert_int_equal(store_sandbox_insert(testing->store, &order, &outcome, &found), -ENOENT);
}

static void test_a_long_detail_is_cut_between_characters(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "detailed");
    struct store_sandbox sandbox = testing_sandbox(testing, &owner.id);
    char detail[400];
    for (size_t i = 0; i + 2 < sizeof(detail); i += 2)
        memcpy(&detail[i], "\xc3\xa4", 2);
    detail[398] = '\0';
    assert_stored(store_sandbox_ended(testing->store, &sandbox.id, STOP_CRASH, detail, NULL, &sandbox));
    assert_int_equal(strlen(sandbox.stop_detail), 254);
}

static void test_limits(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "limited");
    struct store_account other = testing_account(testing, "crowd");
    struct store_sandbox first = testing_sandbox(testing, &owner.id);
    testing_sandbox(testing, &owner.id);
    testing_sandbox(testing, &owner.id);
    struct store_sandbox_order order = testing_order(&owner.id);
    struct store_sandbox sandbox;
    enum store_outcome outcome;
    assert_int_equal(store_sandbox_insert(testing->store, &order, &outcome, &sandbox), -EDQUOT);
    assert_int_equal(outcome, STORE_OVER_PER_USER);
    assert_stored(store_sandbox_ended(testing->store, &first.id, STOP_USER, "", NULL, &first));
    assert_stored(store_sandbox_insert(testing->store, &order, &outcome, &sandbox));
    assert_int_equal(outcome, STORE_INSERTED);

    testing_sql(testing, "UPDATE accounts SET sandbox_limit = 0 WHERE username = 'crowd'");
    order = testing_order(&other.id);
    assert_int_equal(store_sandbox_insert(testing->store, &order, &outcome, &sandbox), -EDQUOT);
    assert_int_equal(outcome, STORE_OVER_PER_USER);
    testing_sql(testing, "UPDATE accounts SET sandbox_limit = 9 WHERE username = 'crowd'");
    order.node = "small";
    order.maximum_per_node = 1;
    assert_stored(store_sandbox_insert(testing->store, &order, &outcome, &sandbox));
    order.id = id_new();
    assert_int_equal(store_sandbox_insert(testing->store, &order, &outcome, &sandbox), -EDQUOT);
    assert_int_equal(outcome, STORE_OVER_PER_NODE);
}

static void test_idempotency(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "repeater");
    struct store_account other = testing_account(testing, "other.repeater");
    struct store_sandbox_order order = testing_order(&owner.id);
    struct store_sandbox first, second;
    enum store_outcome outcome;
    order.idempotency_key = "a key";
    order.maximum_per_user = 1;
    assert_stored(store_sandbox_insert(testing->store, &order, &outcome, &first));
    order.id = id_new();
    assert_stored(store_sandbox_insert(testing->store, &order, &outcome, &second));
    assert_int_equal(outcome, STORE_EXISTED);
    assert_true(id_equal(&first.id, &second.id));

    struct store_sandbox_order others = testing_order(&other.id);
    others.idempotency_key = "a key";
    assert_stored(store_sandbox_insert(testing->store, &others, &outcome, &second));
    assert_int_equal(outcome, STORE_INSERTED);

    testing_sql(
        testing,
        "UPDATE sandboxes SET created_at = created_at - interval '25 hours' WHERE idempotency_key = 'a key'");
    order.maximum_per_user = 2;
    assert_stored(store_sandbox_insert(testing->store, &order, &outcome, &second));
    assert_int_equal(outcome, STORE_INSERTED);
    order.id = id_new();
    order.idempotency_key = "not\nprintable";
    order.maximum_per_user = 9;
    assert_int_equal(store_sandbox_insert(testing->store, &order, &outcome, &second), -EINVAL);
}

static void test_pages(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "paged");
    struct store_sandbox made[5];
    for (int i = 0; i < 5; i++) {
        struct store_sandbox_order order = testing_order(&owner.id);
        enum store_outcome outcome;
        order.id.bytes[5] = 0; // ids of one millisecond have no order: these get one
        order.id.bytes[4] = (uint8_t)i;
        order.maximum_per_user = 9;
        assert_stored(store_sandbox_insert(testing->store, &order, &outcome, &made[i]));
    }
    assert_stored(store_sandbox_ended(testing->store, &made[1].id, STOP_USER, "", NULL, &made[1]));
    struct store_sandbox_query query = {.account = owner.id, .limit = 2};
    struct store_sandbox_list list;
    int seen = 4;
    do {
        assert_stored(store_sandbox_list(testing->store, &query, &list));
        for (size_t i = 0; i < list.count; i++)
            assert_true(id_equal(&list.items[i].id, &made[seen--].id));
        query.before = list.items[list.count - 1].id;
        assert_int_equal(list.more, seen >= 0);
        store_sandbox_list_finish(&list);
    } while (seen >= 0);

    query = (struct store_sandbox_query){.account = owner.id, .limit = 100, .filter = FILTER_ACTIVE};
    assert_stored(store_sandbox_list(testing->store, &query, &list));
    assert_int_equal(list.count, 4);
    store_sandbox_list_finish(&list);
    query.filter = FILTER_ENDED;
    assert_stored(store_sandbox_list(testing->store, &query, &list));
    assert_int_equal(list.count, 1);
    store_sandbox_list_finish(&list);
    query.node = "elsewhere";
    assert_stored(store_sandbox_list(testing->store, &query, &list));
    assert_int_equal(list.count, 0);
    store_sandbox_list_finish(&list);
    query.limit = STORE_PAGE_MAX + 1;
    assert_int_equal(store_sandbox_list(testing->store, &query, &list), -EINVAL);
}

static void test_active_ones_of_a_node(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "of.node");
    struct store_sandbox_order order = testing_order(&owner.id);
    struct store_sandbox sandbox;
    struct store_sandbox_list list;
    enum store_outcome outcome;
    order.node = "node-7";
    assert_stored(store_sandbox_insert(testing->store, &order, &outcome, &sandbox));
    assert_stored(store_sandbox_list_active(testing->store, "node-7", &list));
    assert_int_equal(list.count, 1);
    assert_true(id_equal(&list.items[0].id, &order.id));
    store_sandbox_list_finish(&list);
    assert_stored(store_sandbox_ended(testing->store, &order.id, STOP_NODE_RESTART, "", NULL, &sandbox));
    assert_stored(store_sandbox_list_active(testing->store, "node-7", &list));
    assert_int_equal(list.count, 0);
    store_sandbox_list_finish(&list);
}

struct starter {
    const struct testing *testing;
    struct id account;
    const char *key;
    const char *node;
    unsigned inserted;
    int error;
};

static void *start_many(void *argument)
{
    struct starter *starter = argument;
    struct store *store = store_new(postgres_fixture_url(starter->testing->postgres));
    for (int i = 0; i < 10 && !starter->error; i++) {
        struct store_sandbox_order order = testing_order(&starter->account);
        struct store_sandbox sandbox;
        enum store_outcome outcome;
        order.node = starter->node;
        order.idempotency_key = starter->key;
        order.maximum_per_user = 4;
        order.maximum_per_node = 6;
        int error = store_sandbox_insert(store, &order, &outcome, &sandbox);
        starter->inserted += !error && outcome == STORE_INSERTED;
        if (error != -EDQUOT)
            starter->error = error;
    }
    store_free(store);
    return NULL;
}

static unsigned start_from_threads(struct starter *starters, size_t count)
{
    pthread_t threads[8];
    unsigned inserted = 0;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, start_many, &starters[i]), 0);
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        assert_stored(starters[i].error);
        inserted += starters[i].inserted;
    }
    return inserted;
}

static void test_limits_hold_when_many_ask_at_once(void **state)
{
    struct testing *testing = *state;
    struct store_account first = testing_account(testing, "busy1");
    struct store_account second = testing_account(testing, "busy2");
    struct starter one_user[4], two_users[4], one_key[4];
    testing_order(&first.id); // fills the shared layers before threads read them
    for (size_t i = 0; i < 4; i++) {
        one_user[i] = (struct starter){testing, first.id, NULL, "busy-a", 0, 0};
        two_users[i] = (struct starter){testing, i % 2 ? first.id : second.id, NULL, "busy-b", 0, 0};
        one_key[i] = (struct starter){testing, first.id, "once", "busy-c", 0, 0};
    }
    assert_int_equal(start_from_threads(one_user, 4), 4);
    testing_sql(
        testing,
        "UPDATE sandboxes SET state = 'ended', ended_at = now(), stop_reason = 'user' WHERE node = 'busy-a'");
    assert_int_equal(start_from_threads(two_users, 4), 6);
    testing_sql(
        testing,
        "UPDATE sandboxes SET state = 'ended', ended_at = now(), stop_reason = 'user' WHERE node = 'busy-b'");
    assert_int_equal(start_from_threads(one_key, 4), 1);
}

// Old ones go, whatever is younger or not ended stays. The id tells when one began.
static void test_retention(void **state)
{
    struct testing *testing = *state;
    struct store_account owner = testing_account(testing, "retention");
    static const char *const ids[] = {"0190a5d0-0000-7000-8000-000000000001",  // 2024
                                      "0190a5d0-0000-7000-8000-000000000002",  // still runs
                                      "0190a5d0-0000-7000-8000-000000000003"}; // ended lately
    struct store_sandbox recent = testing_sandbox(testing, &owner.id);
    assert_stored(store_sandbox_ended(testing->store, &recent.id, STOP_USER, "", NULL, &recent));
    for (size_t i = 0; i < 3; i++) {
        char account[ID_TEXT_SIZE], sql[400];
        struct store_sandbox made = testing_sandbox(testing, &owner.id);
        if (i != 1)
            assert_stored(store_sandbox_ended(testing->store, &made.id, STOP_USER, "", NULL, &made));
        id_format(&made.id, account);
        snprintf(sql, sizeof(sql), "UPDATE sandboxes SET id = '%s'%s WHERE id = '%s'", ids[i],
                 i == 0   ? ", ended_at = now() - interval '31 days'"
                 : i == 2 ? ", ended_at = now() - interval '29 days'"
                          : "",
                 account);
        testing_sql(testing, sql);
    }
    assert_stored(store_prune_sandboxes(testing->store, 30));
    for (size_t i = 0; i < 3; i++) {
        struct id id;
        struct store_sandbox found;
        assert_int_equal(id_parse(ids[i], &id), 0);
        assert_int_equal(store_sandbox_get(testing->store, &id, NULL, &found), i == 0 ? -ENOENT : 0);
    }
    struct store_sandbox found;
    assert_stored(store_sandbox_get(testing->store, &recent.id, NULL, &found));
    // Of a day ago and more: the record of 29 days goes too.
    assert_stored(store_prune_sandboxes(testing->store, 1));
    assert_string_equal(
        testing_sql(testing, "SELECT count(*) FROM sandboxes WHERE id::text LIKE '0190a5d0%'"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life),       cmocka_unit_test(test_an_ended_one_stays_as_it_ended),
        cmocka_unit_test(test_unknown_ones), cmocka_unit_test(test_a_long_detail_is_cut_between_characters),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_idempotency),
        cmocka_unit_test(test_pages),        cmocka_unit_test(test_active_ones_of_a_node),
        cmocka_unit_test(test_retention),    cmocka_unit_test(test_limits_hold_when_many_ask_at_once),
    };
    return cmocka_run_group_tests(tests, testing_set_up, testing_tear_down);
}
