#include "cmocka_all.h"

#include <errno.h>
#include <sodium.h>

#include "server/clock.h"
#include "server/limits.h"
#include "server/tickets.h"

#define NOW (100 * SECOND_US)

static void test_good_once(void **state)
{
    (void)state;
    struct tickets *tickets = tickets_new();
    struct ticket ticket = {.sandbox = id_new(), .account = id_new(), .sign_in = id_new(), .view_only = true};
    struct opaque_token token;
    struct ticket taken = {0};
    assert_int_equal(tickets_issue(tickets, &ticket, NOW, &token), 0);
    assert_int_equal(tickets_take(tickets, token.text, NOW + TICKET_SECONDS * SECOND_US - 1, &taken), 0);
    assert_true(id_equal(&taken.sandbox, &ticket.sandbox) && id_equal(&taken.sign_in, &ticket.sign_in) &&
                taken.view_only);
    assert_int_equal(tickets_take(tickets, token.text, NOW, &taken), -ENOENT);
    tickets_free(tickets);
}

static void test_expires(void **state)
{
    (void)state;
    struct tickets *tickets = tickets_new();
    struct ticket ticket = {.sandbox = id_new()};
    struct ticket taken = {0};
    struct opaque_token token;
    assert_int_equal(tickets_issue(tickets, &ticket, NOW, &token), 0);
    assert_int_equal(tickets_take(tickets, token.text, NOW + TICKET_SECONDS * SECOND_US, &taken),
                     -EKEYEXPIRED);
    assert_true(id_is_nil(&taken.sandbox));
    assert_int_equal(tickets_take(tickets, token.text, NOW, &taken), -ENOENT);
    tickets_free(tickets);
}

static void test_of_a_link(void **state)
{
    (void)state;
    struct tickets *tickets = tickets_new();
    struct ticket owner = {.sandbox = id_new(), .account = id_new()};
    struct ticket guest = owner, taken;
    guest.share = id_new();
    guest.view_only = true;
    struct opaque_token owners, guests[TICKETS_PER_ACCOUNT + 1];
    assert_int_equal(tickets_issue(tickets, &owner, NOW, &owners), 0);
    // Guests use up their link's places, not the owner's.
    for (int i = 0; i <= TICKETS_PER_ACCOUNT; i++)
        assert_int_equal(tickets_issue(tickets, &guest, NOW + i, &guests[i]), 0);
    assert_int_equal(tickets_take(tickets, guests[0].text, NOW, &taken), -ENOENT);
    tickets_set_access(tickets, &guest.share, false);
    assert_int_equal(tickets_take(tickets, guests[1].text, NOW, &taken), 0);
    assert_true(ticket_is_guest(&taken) && !taken.view_only);
    tickets_drop(tickets, &guest.share);
    assert_int_equal(tickets_take(tickets, guests[2].text, NOW, &taken), -ENOENT);
    assert_int_equal(tickets_take(tickets, owners.text, NOW, &taken), 0);
    assert_false(ticket_is_guest(&taken));
    tickets_free(tickets);
}

static void test_wrong_texts(void **state)
{
    (void)state;
    struct tickets *tickets = tickets_new();
    struct ticket taken;
    struct opaque_token other = opaque_token_new();
    assert_int_equal(tickets_take(tickets, "", NOW, &taken), -ENOENT);
    assert_int_equal(tickets_take(tickets, "x", NOW, &taken), -ENOENT);
    assert_int_equal(tickets_take(tickets, other.text, NOW, &taken), -ENOENT);
    tickets_free(tickets);
}

static void test_bounded(void **state)
{
    (void)state;
    struct tickets *tickets = tickets_new();
    struct ticket ticket = {.sandbox = id_new()};
    struct opaque_token token;
    for (int i = 0; i < TICKETS_MAX; i++) {
        if (i % TICKETS_PER_ACCOUNT == 0)
            ticket.account = id_new();
        assert_int_equal(tickets_issue(tickets, &ticket, NOW, &token), 0);
    }
    ticket.account = id_new();
    assert_int_equal(tickets_issue(tickets, &ticket, NOW, &token), -EAGAIN);
    assert_int_equal(tickets_issue(tickets, &ticket, NOW + TICKET_SECONDS * SECOND_US, &token), 0);
    tickets_free(tickets);
}

static void test_an_account_takes_from_itself_alone(void **state)
{
    (void)state;
    struct tickets *tickets = tickets_new();
    struct ticket greedy = {.account = id_new()};
    struct ticket other = {.account = id_new()};
    struct ticket taken;
    struct opaque_token first, second, theirs, token;
    assert_int_equal(tickets_issue(tickets, &other, NOW, &theirs), 0);
    assert_int_equal(tickets_issue(tickets, &greedy, NOW, &first), 0);
    assert_int_equal(tickets_issue(tickets, &greedy, NOW + 1, &second), 0);
    for (int i = 2; i <= TICKETS_PER_ACCOUNT; i++)
        assert_int_equal(tickets_issue(tickets, &greedy, NOW + i, &token), 0);
    assert_int_equal(tickets_take(tickets, first.text, NOW, &taken), -ENOENT);
    assert_int_equal(tickets_take(tickets, second.text, NOW, &taken), 0);
    assert_int_equal(tickets_take(tickets, theirs.text, NOW, &taken), 0);
    for (int i = 0; i < 2 * TICKETS_MAX; i++)
        assert_int_equal(tickets_issue(tickets, &greedy, NOW, &token), 0);
    assert_int_equal(tickets_issue(tickets, &other, NOW, &token), 0);
    tickets_free(tickets);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_once), cmocka_unit_test(test_expires),
        cmocka_unit_test(test_of_a_link), cmocka_unit_test(test_wrong_texts),
        cmocka_unit_test(test_bounded),   cmocka_unit_test(test_an_account_takes_from_itself_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
