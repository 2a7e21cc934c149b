#include "commands.h"

int commands_set_up(void **state)
{
    static const char *const ours[] = {"DATABASE_URL", "WEB_ROOT", "FILE_STORAGE_PATH", "PROGRAM_DIR"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        unsetenv(ours[i]);
    if (testing_set_up_empty(state))
        return -1;
    struct testing *testing = *state;
    return setenv("DATABASE_URL", postgres_fixture_url(testing->postgres), 1);
}

json_t *commands_parse_output(const struct run *run)
{
    json_t *array = json_loads(run->output, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_array(array));
    return array;
}

const json_t *commands_find_row(const json_t *array, const char *member, const char *value)
{
    size_t i;
    const json_t *row;
    json_array_foreach(array, i, row)
    {
        const char *text = json_string_value(json_object_get(row, member));
        if (text && strcmp(text, value) == 0)
            return row;
    }
    return NULL;
}
