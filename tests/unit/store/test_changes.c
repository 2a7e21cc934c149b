#include "store_testing.h"

#include "store/change.h"

static struct store_change change_of(const struct store_sandbox *sandbox, const char *wish)
{
    struct store_change change = {.id = id_new(), .sandbox = sandbox->id};
    snprintf(change.wish, sizeof(change.wish), "%s", wish);
    return change;
}

static struct store_sandbox running(struct testing *testing, const char *owner)
{
    struct store_account account = testing_account(testing, owner);
    struct store_sandbox sandbox = testing_sandbox(testing, &account.id);
    assert_stored(store_sandbox_started(testing->store, &sandbox.id, STORE_START_COLD, &sandbox));
    return sandbox;
}

static void test_a_life(void **state)
{
    struct testing *testing = *state;
    struct store_sandbox sandbox = running(testing, "changer");
    struct store_change first = change_of(&sandbox, "{\"limits\": {\"pids\": 100}}"), found;
    struct store_change second = change_of(&sandbox, "{}");
    char problem[STORE_CHANGE_PROBLEM_MAX + 1];
    bool answered;
    assert_int_equal(store_change_next(testing->store, "local", &found), -ENOENT);
    assert_stored(store_change_ask(testing->store, &first));
    assert_stored(store_change_ask(testing->store, &second));
    assert_int_equal(store_change_next(testing->store, "elsewhere", &found), -ENOENT);
    assert_stored(store_change_next(testing->store, "local", &found));
    assert_memory_equal(&found, &first, sizeof(found));
    assert_stored(store_change_answer(testing->store, &first.id, "It is not possible."));
    assert_stored(store_change_next(testing->store, "local", &found));
    assert_true(id_equal(&found.id, &second.id));
    assert_stored(store_change_take(testing->store, &first.id, &answered, problem));
    assert_true(answered);
    assert_string_equal(problem, "It is not possible.");
    assert_int_equal(store_change_take(testing->store, &first.id, &answered, problem), -ENOENT);
    assert_stored(store_change_answer(testing->store, &second.id, NULL));
    assert_stored(store_change_take(testing->store, &second.id, &answered, problem));
    assert_true(answered);
    assert_string_equal(problem, "");
}

static void test_who_gives_up(void **state)
{
    struct testing *testing = *state;
    struct store_sandbox sandbox = running(testing, "hasty");
    struct store_change change = change_of(&sandbox, "{}"), found;
    char problem[STORE_CHANGE_PROBLEM_MAX + 1];
    bool answered;
    assert_stored(store_change_ask(testing->store, &change));
    assert_stored(store_change_take(testing->store, &change.id, &answered, problem));
    assert_false(answered);
    assert_int_equal(store_change_answer(testing->store, &change.id, NULL), -ENOENT);
    change.id = id_new();
    assert_stored(store_change_ask(testing->store, &change)); // and whoever asked was killed
    testing_sql(testing, "UPDATE sandbox_changes SET asked_at = now() - interval '61 seconds' RETURNING 1");
    assert_int_equal(store_change_next(testing->store, "local", &found), -ENOENT);
    testing_sql(testing, "UPDATE sandbox_changes SET asked_at = now() - interval '2 hours' RETURNING 1");
    assert_stored(store_prune(testing->store));
    assert_string_equal(testing_sql(testing, "SELECT count(*) FROM sandbox_changes"), "0");
}

static void test_what_is_refused(void **state)
{
    struct testing *testing = *state;
    struct store_sandbox sandbox = running(testing, "refused");
    struct store_change change = change_of(&sandbox, "no JSON");
    char long_problem[2 * STORE_CHANGE_PROBLEM_MAX], problem[STORE_CHANGE_PROBLEM_MAX + 1];
    bool answered;
    assert_int_equal(store_change_ask(testing->store, &change), -EINVAL);
    change = change_of(&sandbox, "{}");
    assert_stored(store_change_ask(testing->store, &change));
    memset(long_problem, 'x', sizeof(long_problem));
    long_problem[sizeof(long_problem) - 1] = '\0';
    assert_stored(store_change_answer(testing->store, &change.id, long_problem));
    assert_stored(store_change_take(testing->store, &change.id, &answered, problem));
    assert_int_equal(strlen(problem), STORE_CHANGE_PROBLEM_MAX);
    assert_stored(store_sandbox_ended(testing->store, &sandbox.id, STOP_USER, "", NULL, &sandbox));
    assert_int_equal(store_change_ask(testing->store, &change), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life),
        cmocka_unit_test(test_who_gives_up),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, testing_set_up, testing_tear_down);
}
