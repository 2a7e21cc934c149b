#include "lib/seccomp_filter.h"

#include "lib/cleanup.h"

static void cleanup_filter(scmp_filter_ctx *filter)
{
    if (*filter)
        seccomp_release(*filter);
}

static int add_rule(scmp_filter_ctx filter, const struct seccomp_rule *rule)
{
    struct scmp_arg_cmp conditions[SECCOMP_CONDITIONS_MAX];
    unsigned count = 0;
    for (; count < SECCOMP_CONDITIONS_MAX && rule->conditions[count].mask != 0; count++)
        conditions[count] = (struct scmp_arg_cmp){.arg = rule->conditions[count].argument,
                                                  .op = SCMP_CMP_MASKED_EQ,
                                                  .datum_a = rule->conditions[count].mask,
                                                  .datum_b = rule->conditions[count].value};
    return seccomp_rule_add_array(filter, rule->action, rule->call, count, conditions);
}

static int build(const struct seccomp_rule *rules, size_t count, scmp_filter_ctx filter)
{
    if (!filter)
        return -ENOMEM;
    int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!error)
        error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (size_t i = 0; i < count && !error; i++)
        error = add_rule(filter, &rules[i]);
    return error;
}

int seccomp_filter_load(const struct seccomp_rule *rules, size_t count)
{
    CLEANUP(cleanup_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int error = build(rules, count, filter);
    return error ? error : seccomp_load(filter);
}
