#include "store/arguments.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(ARGUMENT_SPACE >= ID_TEXT_SIZE, "an id fits");

static char *take_space(struct arguments *arguments)
{
    if (arguments->count == ARGUMENTS_MAX)
        abort();
    char *space = arguments->space[arguments->count];
    arguments->values[arguments->count++] = space;
    return space;
}

void argument_text(struct arguments *arguments, const char *text)
{
    take_space(arguments);
    arguments->values[arguments->count - 1] = text;
}

void argument_number(struct arguments *arguments, int64_t number)
{
    snprintf(take_space(arguments), ARGUMENT_SPACE, "%" PRId64, number);
}

void argument_id(struct arguments *arguments, const struct id *id)
{
    if (!id || id_is_nil(id))
        argument_text(arguments, NULL);
    else
        id_format(id, take_space(arguments));
}

void argument_digest(struct arguments *arguments, const struct digest *digest)
{
    char *space = take_space(arguments);
    space[0] = '\\';
    space[1] = 'x';
    sodium_bin2hex(space + 2, ARGUMENT_SPACE - 2, digest->bytes, sizeof(digest->bytes));
}
