#include <limits.h>
#include <string.h>

#include "ctl/command.h"
#include "store/migration.h"

int migrate(struct context *context)
{
    char directory[PATH_MAX];
    struct store_migrations migrations;
    int error = context_migrations(context, directory, sizeof(directory));
    if (error) {
        complain(context, "%s", strerror(-error));
        return STATUS_FAILED;
    }
    error = store_migrate(context->store, directory, &migrations);
    if (error)
        return complain_store(context, error);
    printf("the database is up to date: %u migrations applied\n", migrations.applied);
    return STATUS_OK;
}
