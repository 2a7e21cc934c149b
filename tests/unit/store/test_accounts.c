#include "store_testing.h"

static void test_create_and_find(void **state)
{
    struct testing *testing = *state;
    struct store_account created = testing_account(testing, "Ada.Lovelace");
    struct store_account found;
    struct password_hash hash;
    assert_in_range(created.number, 1, ACCOUNT_NUMBER_MAX);
    assert_int_equal(created.role, ROLE_USER);
    assert_int_equal(created.sandbox_limit, -1);
    assert_int_equal(created.disabled_us, 0);
    assert_true(created.created_us > 1700000000000000);
    assert_stored(store_account_by_name(testing->store, "ada.lovelace", &found));
    assert_true(id_equal(&found.id, &created.id));
    assert_string_equal(found.username, "Ada.Lovelace");
    assert_stored(store_account_by_id(testing->store, &created.id, &found));
    assert_int_equal(found.number, created.number);
    assert_stored(store_account_password(testing->store, "ADA.LOVELACE", &found, &hash));
    assert_string_equal(hash.text, "$argon2id$of nothing");
}

static void test_a_name_is_taken_in_any_case(void **state)
{
    struct testing *testing = *state;
    struct store_account first = testing_account(testing, "grace");
    struct password_hash hash = {"x"};
    struct store_account second;
    assert_int_equal(store_account_create(testing->store, "GRACE", ROLE_USER, &hash, &second), -EEXIST);
    second = testing_account(testing, "grace2");
    assert_int_equal(second.number, first.number + 1);
}

static void test_names_have_rules(void **state)
{
    struct testing *testing = *state;
    char longest[USERNAME_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[USERNAME_MAX + 1] = '\0';
    const char *const refused[] = {"", " ", "a b", "a/b", "a'b", "a\nb", "\xc3\xa4", longest};
    struct password_hash hash = {"x"};
    struct store_account account;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(store_account_create(testing->store, refused[i], ROLE_USER, &hash, &account),
                         -EINVAL);
        assert_int_equal(store_account_by_name(testing->store, refused[i], &account), -ENOENT);
    }
    longest[USERNAME_MAX] = '\0';
    testing_account(testing, longest);
}

static void test_unknown_accounts(void **state)
{
    struct testing *testing = *state;
    struct id nobody = id_new();
    struct store_account account;
    struct password_hash hash = {"x"};
    assert_int_equal(store_account_by_id(testing->store, &nobody, &account), -ENOENT);
    assert_int_equal(store_account_by_name(testing->store, "nobody", &account), -ENOENT);
    assert_int_equal(store_account_set_password(testing->store, &nobody, &hash), -ENOENT);
    assert_int_equal(store_account_disable(testing->store, &nobody), -ENOENT);
    assert_int_equal(store_account_enable(testing->store, &nobody), -ENOENT);
}

static void test_list_by_number(void **state)
{
    struct testing *testing = *state;
    testing_account(testing, "list1");
    testing_account(testing, "list2");
    struct store_account_list list;
    assert_stored(store_account_list(testing->store, &list));
    assert_true(list.count >= 2);
    for (size_t i = 1; i < list.count; i++)
        assert_true(list.items[i - 1].number < list.items[i].number);
    store_account_list_finish(&list);
    assert_null(list.items);
}

static void test_disable_and_enable(void **state)
{
    struct testing *testing = *state;
    struct store_account account = testing_account(testing, "disabled");
    struct store_sandbox sandbox = testing_sandbox(testing, &account.id);
    struct store_sign_in_order sign_in_order = testing_sign_in(&account.id);
    struct id sign_in;
    assert_stored(store_sign_in_create(testing->store, &sign_in_order, &sign_in));
    assert_stored(store_account_disable(testing->store, &account.id));
    assert_stored(store_account_disable(testing->store, &account.id));
    struct store_account found;
    assert_stored(store_account_by_id(testing->store, &account.id, &found));
    assert_true(found.disabled_us > 0);
    assert_int_equal(store_sign_in_check(testing->store, &sign_in, &found), -EKEYREVOKED);
    assert_int_equal(store_sign_in_create(testing->store, &sign_in_order, &sign_in), -EKEYREVOKED);
    assert_stored(store_sandbox_get(testing->store, &sandbox.id, NULL, &sandbox));
    assert_int_equal(sandbox.stop_requested, STOP_ACCOUNT_DISABLED);
    struct store_sandbox_order order = testing_order(&account.id);
    enum store_outcome outcome;
    assert_int_equal(store_sandbox_insert(testing->store, &order, &outcome, &sandbox), -EKEYREVOKED);

    assert_stored(store_account_enable(testing->store, &account.id));
    assert_int_equal(store_sign_in_check(testing->store, &sign_in, &found), -EKEYREVOKED);
    sign_in_order.token = testing_digest();
    assert_stored(store_sign_in_create(testing->store, &sign_in_order, &sign_in));
    assert_stored(store_sign_in_check(testing->store, &sign_in, &found));
}

static void test_a_new_password_ends_sign_ins(void **state)
{
    struct testing *testing = *state;
    struct store_account account = testing_account(testing, "changer");
    struct store_sign_in_order order = testing_sign_in(&account.id);
    struct password_hash hash = {"$argon2id$another"};
    struct password_hash stored;
    struct id sign_in;
    assert_stored(store_sign_in_create(testing->store, &order, &sign_in));
    assert_stored(store_account_set_password(testing->store, &account.id, &hash));
    assert_stored(store_account_password(testing->store, "changer", &account, &stored));
    assert_string_equal(stored.text, hash.text);
    assert_int_equal(store_sign_in_check(testing->store, &sign_in, &account), -EKEYREVOKED);
    // The old password was verified just before it was replaced.
    order.token = testing_digest();
    assert_int_equal(store_sign_in_create(testing->store, &order, &sign_in), -EKEYREVOKED);
    order.password = hash;
    assert_stored(store_sign_in_create(testing->store, &order, &sign_in));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_find),
        cmocka_unit_test(test_a_name_is_taken_in_any_case),
        cmocka_unit_test(test_names_have_rules),
        cmocka_unit_test(test_unknown_accounts),
        cmocka_unit_test(test_list_by_number),
        cmocka_unit_test(test_disable_and_enable),
        cmocka_unit_test(test_a_new_password_ends_sign_ins),
    };
    return cmocka_run_group_tests(tests, testing_set_up, testing_tear_down);
}
