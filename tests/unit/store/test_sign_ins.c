#include <pthread.h>

#include "store_testing.h"

struct sign_in {
    struct store_account account;
    struct id id;
    struct digest token;
};

static struct sign_in begin(struct testing *testing, const char *username)
{
    struct sign_in made = {.account = testing_account(testing, username)};
    struct store_sign_in_order order = testing_sign_in(&made.account.id);
    made.token = order.token;
    assert_stored(store_sign_in_create(testing->store, &order, &made.id));
    return made;
}

static int rotate(struct testing *testing, struct digest token, struct digest successor)
{
    struct store_account account;
    struct id sign_in;
    return store_sign_in_rotate(testing->store, &token, &successor, 600, &sign_in, &account);
}

static int check(struct testing *testing, const struct sign_in *sign_in)
{
    struct store_account account;
    return store_sign_in_check(testing->store, &sign_in->id, &account);
}

// Makes everything of the sign-ins look older.
static void pass_time(struct testing *testing, const char *column, const char *interval)
{
    char sql[200];
    snprintf(sql, sizeof(sql), "UPDATE refresh_tokens SET %s = %s - interval '%s'", column, column, interval);
    testing_sql(testing, sql);
}

static void test_rotation(void **state)
{
    struct testing *testing = *state;
    struct sign_in made = begin(testing, "rotator");
    struct digest old = made.token;
    for (int i = 0; i < 5; i++) {
        struct digest successor = testing_digest();
        struct store_account account;
        struct id sign_in;
        assert_stored(store_sign_in_rotate(testing->store, &old, &successor, 600, &sign_in, &account));
        assert_true(id_equal(&sign_in, &made.id));
        assert_true(id_equal(&account.id, &made.account.id));
        assert_string_equal(account.username, "rotator");
        old = successor;
    }
}

static void test_a_double_submit_is_honest_for_a_while(void **state)
{
    struct testing *testing = *state;
    struct sign_in made = begin(testing, "doubler");
    struct digest successor = testing_digest();
    assert_stored(rotate(testing, made.token, successor));
    assert_stored(rotate(testing, made.token, successor));
    assert_stored(check(testing, &made));
    assert_stored(rotate(testing, successor, testing_digest()));
}

static void test_reuse_after_the_grace_revokes_the_family(void **state)
{
    struct testing *testing = *state;
    struct sign_in made = begin(testing, "victim");
    struct digest successor = testing_digest();
    assert_stored(rotate(testing, made.token, successor));
    pass_time(testing, "used_at", "11 seconds");
    assert_int_equal(rotate(testing, made.token, successor), -EKEYREVOKED);
    assert_int_equal(check(testing, &made), -EKEYREVOKED);
    assert_int_equal(rotate(testing, successor, testing_digest()), -EKEYREVOKED);
    assert_string_equal(testing_sql(testing, "SELECT end_reason FROM sign_ins WHERE ended_at IS NOT NULL"),
                        "reuse");
}

static void test_reuse_behind_a_used_successor_revokes_at_once(void **state)
{
    struct testing *testing = *state;
    struct sign_in made = begin(testing, "victim2");
    struct digest successor = testing_digest();
    assert_stored(rotate(testing, made.token, successor));
    assert_stored(rotate(testing, successor, testing_digest()));
    assert_int_equal(rotate(testing, made.token, successor), -EKEYREVOKED);
    assert_int_equal(check(testing, &made), -EKEYREVOKED);
}

// Whoever asks for another successor does not hold our key.
static void test_a_double_submit_has_the_same_successor(void **state)
{
    struct testing *testing = *state;
    struct sign_in made = begin(testing, "victim3");
    assert_stored(rotate(testing, made.token, testing_digest()));
    assert_int_equal(rotate(testing, made.token, testing_digest()), -EKEYREVOKED);
}

static void test_families_are_apart(void **state)
{
    struct testing *testing = *state;
    struct sign_in first = begin(testing, "two.devices");
    struct store_sign_in_order order = testing_sign_in(&first.account.id);
    struct sign_in second = {.token = order.token};
    assert_stored(store_sign_in_create(testing->store, &order, &second.id));
    assert_stored(rotate(testing, first.token, testing_digest()));
    assert_int_equal(rotate(testing, first.token, testing_digest()), -EKEYREVOKED);
    assert_stored(check(testing, &second));
    assert_stored(rotate(testing, second.token, testing_digest()));
}

static void test_expiry(void **state)
{
    struct testing *testing = *state;
    struct sign_in made = begin(testing, "expiring");
    assert_int_equal(rotate(testing, testing_digest(), testing_digest()), -ENOENT);
    pass_time(testing, "expires_at", "601 seconds");
    assert_int_equal(rotate(testing, made.token, testing_digest()), -EKEYEXPIRED);
    assert_stored(store_prune(testing->store));
    assert_int_equal(rotate(testing, made.token, testing_digest()), -ENOENT);
    assert_int_equal(check(testing, &made), -ENOENT);
}

static void test_logout(void **state)
{
    struct testing *testing = *state;
    struct sign_in made = begin(testing, "leaver");
    struct digest successor = testing_digest();
    struct digest unknown = testing_digest();
    assert_stored(rotate(testing, made.token, successor));
    assert_stored(store_sign_in_end(testing->store, &successor));
    assert_stored(store_sign_in_end(testing->store, &successor));
    assert_stored(store_sign_in_end(testing->store, &unknown));
    assert_int_equal(check(testing, &made), -EKEYREVOKED);
    assert_int_equal(rotate(testing, successor, testing_digest()), -EKEYREVOKED);
}

static void test_pruning_keeps_what_is_good(void **state)
{
    struct testing *testing = *state;
    struct sign_in made = begin(testing, "keeper");
    struct digest successor = testing_digest();
    assert_stored(rotate(testing, made.token, successor));
    assert_stored(store_prune(testing->store));
    assert_stored(check(testing, &made));
    pass_time(testing, "used_at", "11 seconds");
    assert_int_equal(rotate(testing, made.token, successor), -EKEYREVOKED);
}

struct rotator {
    const struct testing *testing;
    pthread_barrier_t *barrier;
    struct digest token, successor;
    int error;
};

static void *rotate_beside(void *argument)
{
    struct rotator *rotator = argument;
    struct store *store = store_new(postgres_fixture_url(rotator->testing->postgres));
    struct store_account account;
    struct id sign_in;
    rotator->error = store_ping(store);
    pthread_barrier_wait(rotator->barrier);
    if (!rotator->error)
        rotator->error =
            store_sign_in_rotate(store, &rotator->token, &rotator->successor, 600, &sign_in, &account);
    store_free(store);
    return NULL;
}

// Runs two rotations of one token at the same time, from two connections.
static void rotate_twice(struct testing *testing, struct digest token, struct digest first,
                         struct digest second, int errors[2])
{
    pthread_barrier_t barrier;
    pthread_t threads[2];
    struct rotator rotators[2] = {{testing, &barrier, token, first, 0},
                                  {testing, &barrier, token, second, 0}};
    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, rotate_beside, &rotators[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        errors[i] = rotators[i].error;
    }
    pthread_barrier_destroy(&barrier);
}

static void test_at_the_same_time(void **state)
{
    struct testing *testing = *state;
    struct sign_in made = begin(testing, "two.tabs");
    int errors[2];
    for (int i = 0; i < 10; i++) {
        struct digest successor = testing_digest();
        rotate_twice(testing, made.token, successor, successor, errors);
        assert_stored(errors[0]);
        assert_stored(errors[1]);
        made.token = successor;
    }
    rotate_twice(testing, made.token, testing_digest(), testing_digest(), errors);
    assert_int_equal(errors[0] + errors[1], -EKEYREVOKED); // one of them, and the family with it
    assert_int_equal(check(testing, &made), -EKEYREVOKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_a_double_submit_is_honest_for_a_while),
        cmocka_unit_test(test_reuse_after_the_grace_revokes_the_family),
        cmocka_unit_test(test_reuse_behind_a_used_successor_revokes_at_once),
        cmocka_unit_test(test_a_double_submit_has_the_same_successor),
        cmocka_unit_test(test_families_are_apart),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_logout),
        cmocka_unit_test(test_pruning_keeps_what_is_good),
        cmocka_unit_test(test_at_the_same_time),
    };
    return cmocka_run_group_tests(tests, testing_set_up, testing_tear_down);
}
