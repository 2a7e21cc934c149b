// A start for whose sandbox sandbox-server has no memory: its row ends by itself, as soon as there is some.
#include "store_testing.h"

#include "lib/cleanup.h"
#include "server/clock.h"
#include "server/network_wish.h"
#include "server/operator_changes.h"
#include "server/sandboxd_client.h"
#include "server/sandboxes.h"
#include "server/server.h"
#include "server/viewers.h"
#include "tests/harness/sandboxd_fixture.h"

#define LOOK_US 10000
#define REFUSALS 2 // the start's, and that of the first look through the rows

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static unsigned refusals;

void *__wrap_calloc(size_t count, size_t size)
{
    if (size != sizeof(struct sandbox) || refusals == 0)
        return __real_calloc(count, size);
    refusals--;
    errno = ENOMEM;
    return NULL;
}

struct node {
    struct server server;
    struct config *config;
    struct testing *testing;
    struct sandboxd_fixture sandboxd;
    struct loop_timer timer;
    int64_t deadline_us;
    bool started;
    struct store_sandbox row;
};

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    (void)wsi, (void)reason, (void)user, (void)in, (void)length;
    return 0;
}

static const struct lws_protocols protocols[] = {{.name = "http", .callback = callback}, {0}};

static void on_connected(void *data)
{
    sandboxes_connected(((struct node *)data)->server.sandboxes);
}

static void on_disconnected(void *data)
{
    sandboxes_disconnected(((struct node *)data)->server.sandboxes);
}

static void on_message(void *data, const struct sandboxd_message *message, int fd)
{
    assert_int_equal(fd, -1);
    sandboxes_message(((struct node *)data)->server.sandboxes, message);
}

static const struct sandboxd_events events = {on_connected, on_disconnected, on_message};

static void start(struct node *node)
{
    static struct network_wish network;
    struct store_account owner = testing_account(node->testing, "owner");
    node->row = testing_sandbox(node->testing, &owner.id);
    network_wish_none(&network);
    refusals = REFUSALS;
    struct exchange *exchange = exchange_new(&node->server, NULL); // answered into the void
    assert_non_null(exchange);
    sandboxes_start(node->server.sandboxes, &node->row, owner.number, &network, exchange);
    assert_int_equal(refusals, REFUSALS - 1);
    assert_null(sandboxes_find(node->server.sandboxes, &node->row.id));
    node->started = true;
}

static void look(void *data)
{
    struct node *node = data;
    if (!node->started && sandboxes_ready(node->server.sandboxes))
        start(node);
    if (node->started) {
        sandboxes_abandon(node->server.sandboxes); // as further starts do: they must not put the look off
        assert_stored(store_sandbox_get(node->testing->store, &node->row.id, NULL, &node->row));
    }
    if (node->row.state == STATE_ENDED || clock_monotonic_us() > node->deadline_us)
        loop_stop(node->server.loop);
    else
        loop_timer_set(node->server.loop, &node->timer, LOOK_US);
}

static void open_node(struct node *node)
{
    char name[] = "sandbox-server";
    char *argv[] = {name, NULL};
    int argc = 1;
    struct config_error wrong;
    struct server *server = &node->server;
    struct loop_shape shape = {.protocols = protocols, .connection_maximum = 8};
    node->config = config_new();
    assert_int_equal(config_load(node->config, &argc, argv, &wrong), 0);
    server->config = node->config;
    server->node = "local";
    server->loop = loop_new(&shape);
    server->work = work_new(server->loop, postgres_fixture_url(node->testing->postgres));
    server->viewers = viewers_new(server);
    server->sandboxes = sandboxes_new(server);
    server->operator_changes = operator_changes_new(server);
    server->sandboxd = sandboxd_client_new(server->loop, node->sandboxd.socket, &events, node);
    assert_true(server->loop && server->work && server->viewers && server->sandboxes &&
                server->operator_changes && server->sandboxd);
}

static void close_node(struct node *node)
{
    struct server *server = &node->server;
    loop_timer_cancel(&node->timer);
    work_free(server->work);
    sandboxd_client_free(server->sandboxd);
    sandboxes_free(server->sandboxes);
    operator_changes_free(server->operator_changes);
    loop_free(server->loop);
    viewers_free(server->viewers);
    config_free(node->config);
}

static void test_a_row_without_memory_for_its_sandbox_ends(void **state)
{
    struct node *node = calloc(1, sizeof(*node));
    assert_non_null(node);
    node->testing = *state;
    node->timer = (struct loop_timer){.fire = look, .data = node};
    sandboxd_prepare(&node->sandboxd, SANDBOXD_PLAIN);
    sandboxd_start(&node->sandboxd);
    open_node(node);
    node->deadline_us = clock_monotonic_us() + sandboxd_deadline_ms() * 1000ll;
    loop_timer_set(node->server.loop, &node->timer, 0);
    assert_int_equal(loop_run(node->server.loop), 0);
    assert_true(node->started);
    assert_int_equal(refusals, 0);
    assert_int_equal(node->row.state, STATE_ENDED);
    assert_int_equal(node->row.stop_reason, STOP_NODE_RESTART);
    close_node(node);
    sandboxd_finish(&node->sandboxd);
    free(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_row_without_memory_for_its_sandbox_ends)};
    return cmocka_run_group_tests(tests, testing_set_up, testing_tear_down);
}
