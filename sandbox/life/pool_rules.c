#include "sandbox/life/pool_rules.h"

#define FIRST_WAIT_US UINT64_C(100000)
#define LONGEST_WAIT_US UINT64_C(60000000)
#define SETTLED_US UINT64_C(60000000) // who lived so long did not die of how it was built

uint64_t pool_held_mb(const struct pool_rules *rules)
{
    uint64_t held = 0;
    for (unsigned i = 0; i < TEMPLATE_COUNT; i++)
        held += (uint64_t)(rules->rows[i].ready + rules->rows[i].others) * rules->rows[i].memory_mb;
    return held;
}

unsigned pool_fitting(const struct pool_rules *rules, unsigned template_id)
{
    uint64_t left = rules->memory_mb;
    for (unsigned i = 0; i < template_id; i++) {
        uint64_t taken = (uint64_t)pool_fitting(rules, i) * rules->rows[i].memory_mb;
        left = taken < left ? left - taken : 0;
    }
    uint64_t fitting = left / rules->rows[template_id].memory_mb;
    return fitting < rules->rows[template_id].size ? (unsigned)fitting : rules->rows[template_id].size;
}

int pool_next(const struct pool_rules *rules, uint64_t now_us, uint64_t *ret_again_us)
{
    *ret_again_us = POOL_NEVER;
    if (rules->starting_us > now_us) {
        *ret_again_us = rules->starting_us;
        return POOL_NONE;
    }
    int chosen = POOL_NONE;
    for (unsigned i = 0; i < TEMPLATE_COUNT; i++) {
        const struct pool_row *row = &rules->rows[i];
        if (row->others > 0)
            return POOL_NONE; // one at a time: its end asks again
        if (row->ready >= row->size || pool_held_mb(rules) + row->memory_mb > rules->memory_mb)
            continue;
        if (row->wait_us > now_us) {
            *ret_again_us = row->wait_us < *ret_again_us ? row->wait_us : *ret_again_us;
            continue;
        }
        // The one that misses the larger part first.
        const struct pool_row *best = chosen >= 0 ? &rules->rows[chosen] : row;
        if (chosen < 0 || (uint64_t)row->ready * best->size < (uint64_t)best->ready * row->size)
            chosen = (int)i;
    }
    if (chosen >= 0)
        *ret_again_us = POOL_NEVER;
    return chosen;
}

void pool_lost(struct pool_row *row, uint64_t now_us, uint64_t lived_us)
{
    if (lived_us >= SETTLED_US)
        row->losses = 0;
    uint64_t wait = FIRST_WAIT_US << (row->losses < 16 ? row->losses : 16);
    row->losses++;
    row->wait_us = now_us + (wait < LONGEST_WAIT_US ? wait : LONGEST_WAIT_US);
}

void pool_used(struct pool_row *row)
{
    row->losses = 0;
    row->wait_us = 0;
}

void pool_renewed(struct pool_row *row, uint64_t now_us)
{
    uint64_t wait_us = now_us + FIRST_WAIT_US;
    row->wait_us = row->wait_us > wait_us ? row->wait_us : wait_us;
}
