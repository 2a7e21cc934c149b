#include "ctl/top_names.h"

#include <stdio.h>
#include <time.h>

#include "ctl/system.h"

#define ASK_AGAIN_US 10000000

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

void top_names_init(struct top_names *names, const struct context *context)
{
    const char *url = config_text(context->config, CONFIG_DATABASE_URL);
    *names = (struct top_names){0};
    if (*url && system_become_service(context) == 0)
        names->store = store_new(url);
}

void top_names_finish(struct top_names *names)
{
    store_account_list_finish(&names->accounts);
    store_free(names->store);
}

static const char *name_of(const struct top_names *names, const struct id *id)
{
    for (size_t i = 0; i < names->accounts.count; i++) {
        if (id_equal(&names->accounts.items[i].id, id))
            return names->accounts.items[i].username;
    }
    return NULL;
}

// True when somebody has no name.
static bool give(const struct top_names *names, struct top_sample *sample)
{
    bool missing = false;
    for (size_t i = 0; i < sample->row_count; i++) {
        const char *name = name_of(names, &sample->rows[i].account);
        if (name)
            snprintf(sample->rows[i].owner, sizeof(sample->rows[i].owner), "%s", name);
        missing |= !name;
    }
    return missing;
}

static void ask(struct top_names *names)
{
    struct store_account_list accounts = {0};
    names->asked_us = now_us();
    if (store_account_list(names->store, &accounts) < 0)
        return; // the old names do
    store_account_list_finish(&names->accounts);
    names->accounts = accounts;
}

void top_names_give(struct top_names *names, struct top_sample *sample)
{
    if (!give(names, sample) || !names->store)
        return;
    if (names->asked_us && now_us() - names->asked_us < ASK_AGAIN_US)
        return;
    ask(names);
    (void)give(names, sample);
}
