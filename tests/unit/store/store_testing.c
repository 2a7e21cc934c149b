#include "store_testing.h"

#include "lib/cleanup.h"

static struct layer_report layers[LAYER_COUNT];

const char *testing_migrations(void)
{
    return MIGRATIONS;
}

int testing_set_up_empty(void **state)
{
    struct testing *testing = calloc(1, sizeof(*testing));
    *state = testing;
    if (!testing || postgres_fixture_new(&testing->postgres))
        return -1;
    testing->store = store_new(postgres_fixture_url(testing->postgres));
    testing->plain = PQconnectdb(postgres_fixture_url(testing->postgres));
    return testing->store && PQstatus(testing->plain) == CONNECTION_OK ? 0 : -1;
}

int testing_set_up(void **state)
{
    struct store_migrations migrations;
    if (testing_set_up_empty(state))
        return -1;
    struct testing *testing = *state;
    int error = store_migrate(testing->store, MIGRATIONS, &migrations);
    if (error)
        fprintf(stderr, "%s\n", store_error(testing->store));
    return error;
}

int testing_tear_down(void **state)
{
    struct testing *testing = *state;
    if (!testing)
        return 0;
    PQfinish(testing->plain);
    store_free(testing->store);
    postgres_fixture_free(testing->postgres);
    free(testing);
    return 0;
}

const char *testing_sql(struct testing *testing, const char *sql)
{
    static char text[1024];
    PGresult *result = PQexec(testing->plain, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(testing->plain));
    snprintf(text, sizeof(text), "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return text;
}

static const struct password_hash password = {"$argon2id$of nothing"};

struct store_account testing_account(struct testing *testing, const char *username)
{
    struct store_account account = {0};
    assert_stored(store_account_create(testing->store, username, ROLE_USER, &password, &account));
    return account;
}

struct store_sign_in_order testing_sign_in(const struct id *account)
{
    return (struct store_sign_in_order){
        .account = *account, .password = password, .token = testing_digest(), .seconds = 600};
}

struct store_sandbox_order testing_order(const struct id *account)
{
    layers[LAYER_SECCOMP].state = LAYER_ON;
    layers[LAYER_LANDLOCK] = (struct layer_report){LAYER_WEAKER, "an older kernel"};
    return (struct store_sandbox_order){.id = id_new(),
                                        .account = *account,
                                        .template_name = "desktop",
                                        .node = "local",
                                        .limits = {2048, 200, 512},
                                        .session_seconds = 600,
                                        .idle_seconds = 60,
                                        .display_width = 1920,
                                        .display_height = 1080,
                                        .layers = layers,
                                        .policy = "{\"sound\": true}",
                                        .maximum_per_user = 3,
                                        .maximum_per_node = 100};
}

struct store_sandbox testing_sandbox(struct testing *testing, const struct id *account)
{
    struct store_sandbox_order order = testing_order(account);
    enum store_outcome outcome;
    struct store_sandbox sandbox = {0};
    assert_stored(store_sandbox_insert(testing->store, &order, &outcome, &sandbox));
    return sandbox;
}

struct digest testing_digest(void)
{
    struct opaque_token token = opaque_token_new();
    struct digest digest;
    assert_int_equal(opaque_token_digest(token.text, &digest), 0);
    return digest;
}
