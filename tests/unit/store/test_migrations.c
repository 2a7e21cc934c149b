#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "store_testing.h"

#define FIRST "CREATE TABLE first (a integer)"
#define SECOND "CREATE TABLE second (a integer); INSERT INTO second VALUES (1), (2)"

struct directory {
    char path[64];
};

static struct directory directory_new(void)
{
    struct directory directory = {"/tmp/migrations-XXXXXX"};
    assert_non_null(mkdtemp(directory.path));
    return directory;
}

static void put(const struct directory *directory, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory->path, name);
    AUTO_FILE FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
}

static void discard(const struct directory *directory, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory->path, name);
    assert_int_equal(unlink(path), 0);
}

static void directory_remove(const struct directory *directory)
{
    DIR *stream = opendir(directory->path);
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        if (entry->d_name[0] != '.')
            discard(directory, entry->d_name);
    }
    closedir(stream);
    rmdir(directory->path);
}

// Each test begins with an empty schema.
static int empty(void **state)
{
    testing_sql(*state, "DROP SCHEMA public CASCADE");
    testing_sql(*state, "CREATE SCHEMA public");
    return 0;
}

static int migrate(struct testing *testing, const struct directory *directory,
                   struct store_migrations *migrations)
{
    return store_migrate(testing->store, directory->path, migrations);
}

static void test_applied_once_and_in_order(void **state)
{
    struct testing *testing = *state;
    struct directory directory = directory_new();
    struct store_migrations migrations;
    put(&directory, "0002_second.sql", "INSERT INTO first VALUES (7); " SECOND);
    put(&directory, "0001_first.sql", FIRST);
    assert_stored(store_migrations_check(testing->store, directory.path, &migrations));
    assert_true(migrations.applied == 0 && migrations.pending == 2);
    assert_stored(migrate(testing, &directory, &migrations));
    assert_true(migrations.applied == 2 && migrations.pending == 0);
    assert_stored(migrate(testing, &directory, &migrations));
    assert_string_equal(testing_sql(testing, "SELECT count(*) FROM second"), "2");
    put(&directory, "0003_third.sql", "INSERT INTO second VALUES (3)");
    assert_stored(store_migrations_check(testing->store, directory.path, &migrations));
    assert_true(migrations.applied == 2 && migrations.pending == 1);
    assert_stored(migrate(testing, &directory, &migrations));
    assert_string_equal(testing_sql(testing, "SELECT count(*) FROM second"), "3");
    directory_remove(&directory);
}

static void test_a_changed_file_is_refused(void **state)
{
    struct testing *testing = *state;
    struct directory directory = directory_new();
    struct store_migrations migrations;
    put(&directory, "0001_first.sql", FIRST);
    assert_stored(migrate(testing, &directory, &migrations));
    put(&directory, "0001_first.sql", FIRST " -- changed");
    put(&directory, "0002_second.sql", SECOND);
    assert_int_equal(migrate(testing, &directory, &migrations), -EUCLEAN);
    assert_non_null(strstr(store_error(testing->store), "0001_first.sql"));
    assert_int_equal(store_migrations_check(testing->store, directory.path, &migrations), -EUCLEAN);
    assert_string_equal(testing_sql(testing, "SELECT coalesce(to_regclass('second')::text, 'none')"), "none");
    directory_remove(&directory);
}

static void test_a_missing_or_renamed_file_is_refused(void **state)
{
    struct testing *testing = *state;
    struct directory directory = directory_new();
    struct store_migrations migrations;
    put(&directory, "0001_first.sql", FIRST);
    put(&directory, "0002_second.sql", SECOND);
    assert_stored(migrate(testing, &directory, &migrations));
    discard(&directory, "0002_second.sql");
    assert_int_equal(migrate(testing, &directory, &migrations), -EUCLEAN);
    assert_non_null(strstr(store_error(testing->store), "0002_second.sql"));
    put(&directory, "0002_other.sql", SECOND);
    assert_int_equal(migrate(testing, &directory, &migrations), -EUCLEAN);
    directory_remove(&directory);
}

static void test_a_failing_file_leaves_nothing(void **state)
{
    struct testing *testing = *state;
    struct directory directory = directory_new();
    struct store_migrations migrations;
    put(&directory, "0001_first.sql", FIRST);
    put(&directory, "0002_second.sql", "CREATE TABLE half (a integer); SELECT nonsense");
    assert_int_equal(migrate(testing, &directory, &migrations), -EINVAL);
    assert_non_null(strstr(store_error(testing->store), "0002_second.sql"));
    assert_non_null(strstr(store_error(testing->store), "nonsense"));
    assert_string_equal(testing_sql(testing, "SELECT coalesce(to_regclass('half')::text, 'none')"), "none");
    assert_string_equal(testing_sql(testing, "SELECT max(version) FROM schema_migrations"), "1");
    put(&directory, "0002_second.sql", SECOND);
    assert_stored(migrate(testing, &directory, &migrations));
    put(&directory, "0003_third.sql", "INSERT INTO second VALUES (3); COMMIT");
    assert_int_equal(migrate(testing, &directory, &migrations), -EINVAL);
    directory_remove(&directory);
}

static void test_directories_have_rules(void **state)
{
    struct testing *testing = *state;
    struct store_migrations migrations;
    static const char *const refused[] = {"0001_.sql", "001_a.sql",  "0001_A.sql", "0001_a.sql~",
                                          "a.sql",     "0002_a.sql", "0000_a.sql"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct directory directory = directory_new();
        put(&directory, refused[i], FIRST);
        assert_int_equal(migrate(testing, &directory, &migrations), -EINVAL);
        assert_non_null(strstr(store_error(testing->store), refused[i]));
        directory_remove(&directory);
    }
    struct directory directory = directory_new();
    assert_int_equal(migrate(testing, &directory, &migrations), -EINVAL);
    put(&directory, "0001_a.sql", FIRST);
    put(&directory, "0001_b.sql", SECOND);
    assert_int_equal(migrate(testing, &directory, &migrations), -EINVAL);
    directory_remove(&directory);
    assert_int_equal(migrate(testing, &directory, &migrations), -ENOENT);
}

static void *migrate_beside(void *argument)
{
    struct testing *testing = argument;
    struct store *store = store_new(postgres_fixture_url(testing->postgres));
    struct store_migrations migrations;
    int error = store_migrate(store, testing_migrations(), &migrations);
    if (error)
        fprintf(stderr, "%s\n", store_error(store));
    store_free(store);
    return (void *)(intptr_t)error;
}

static void test_several_at_once(void **state)
{
    struct testing *testing = *state;
    pthread_t threads[3];
    struct store_migrations migrations;
    assert_int_equal(store_ping(testing->store), -EIO);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_beside, testing), 0);
    for (int i = 0; i < 3; i++) {
        void *error;
        pthread_join(threads[i], &error);
        assert_stored((int)(intptr_t)error);
    }
    assert_stored(store_migrations_check(testing->store, testing_migrations(), &migrations));
    assert_int_equal(migrations.pending, 0);
    assert_stored(store_ping(testing->store));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_applied_once_and_in_order, empty),
        cmocka_unit_test_setup(test_a_changed_file_is_refused, empty),
        cmocka_unit_test_setup(test_a_missing_or_renamed_file_is_refused, empty),
        cmocka_unit_test_setup(test_a_failing_file_leaves_nothing, empty),
        cmocka_unit_test_setup(test_directories_have_rules, empty),
        cmocka_unit_test_setup(test_several_at_once, empty),
    };
    return cmocka_run_group_tests(tests, testing_set_up_empty, testing_tear_down);
}
