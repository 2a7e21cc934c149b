// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdlib.h>

#include "sandbox/plan/seccomp_rules.h"

#define CALLS 1100u
#define X32 0x40000000u
#define VALUES_MAX 256
#define STEPS_MAX 16 // of a call that needs no look at its arguments
#define ARGUMENTS 6

// As the kernel runs a filter. What it does not know fails.
static uint32_t run(const struct seccomp_program *program, const struct seccomp_data *data,
                    unsigned *ret_steps)
{
    uint32_t a = 0;
    *ret_steps = 0;
    for (size_t at = 0; at < program->count; at++, ++*ret_steps) {
        const struct sock_filter *i = &program->instructions[at];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(i->k % sizeof(a) == 0 && i->k <= sizeof(*data) - sizeof(a));
            a = ((const uint32_t *)(const void *)data)[i->k / sizeof(a)];
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            break;
        case BPF_JMP | BPF_JA:
            at += i->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += a == i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += a >= i->k ? i->jt : i->jf;
            break;
        case BPF_RET | BPF_K:
            return i->k;
        default:
            fail_msg("instruction %#x", i->code);
        }
    }
    fail_msg("ran over the end");
    return 0;
}

static bool refused(const struct seccomp_refusal *refusal, const struct seccomp_data *data)
{
    for (unsigned k = 0; k < 2; k++) {
        if (((uint32_t)data->args[refusal->arguments[k].number] & refusal->arguments[k].mask) !=
            refusal->arguments[k].value)
            return false;
    }
    return true;
}

static bool holds(const struct seccomp_rule *rule, const struct seccomp_data *data)
{
    for (unsigned k = 0; k < SECCOMP_CONDITIONS_MAX && rule->conditions[k].mask; k++) {
        if ((data->args[rule->conditions[k].argument] & rule->conditions[k].mask) !=
            rule->conditions[k].value)
            return false;
    }
    return true;
}

// What the tables say.
static uint32_t wanted(const struct seccomp_list *lists, const struct seccomp_data *data)
{
    if (data->arch != AUDIT_ARCH_X86_64 || ((uint32_t)data->nr >= X32 && data->nr != -1))
        return SECCOMP_RET_KILL_PROCESS;
    for (size_t i = 0; i < seccomp_refusal_count; i++) {
        if (seccomp_refusals[i].call == data->nr && refused(&seccomp_refusals[i], data))
            return SECCOMP_RET_ERRNO | seccomp_refusals[i].error;
    }
    for (unsigned list = 0; list < SECCOMP_LISTS_MAX; list++) {
        for (size_t i = 0; i < lists[list].count; i++) {
            if (lists[list].rules[i].call == data->nr && holds(&lists[list].rules[i], data))
                return lists[list].rules[i].action;
        }
    }
    return SECCOMP_RET_ERRNO | ENOSYS;
}

struct values {
    uint64_t of[ARGUMENTS][VALUES_MAX];
    size_t count[ARGUMENTS];
};

static void add(struct values *values, unsigned argument, uint64_t mask, uint64_t value)
{
    const uint64_t near[] = {value,        value + 1,     value - 1,
                             value ^ mask, value | ~mask, value ^ (UINT64_C(1) << 40)};
    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
        assert_true(values->count[argument] < VALUES_MAX);
        values->of[argument][values->count[argument]++] = near[i];
    }
}

// All that the call's conditions name, and what lies beside it.
static void collect(const struct seccomp_list *lists, int call, struct values *ret_values)
{
    *ret_values = (struct values){0};
    for (unsigned list = 0; list < SECCOMP_LISTS_MAX; list++) {
        for (size_t i = 0; i < lists[list].count; i++) {
            const struct seccomp_rule *rule = &lists[list].rules[i];
            for (unsigned k = 0; rule->call == call && k < SECCOMP_CONDITIONS_MAX && rule->conditions[k].mask;
                 k++)
                add(ret_values, rule->conditions[k].argument, rule->conditions[k].mask,
                    rule->conditions[k].value);
        }
    }
    for (size_t i = 0; i < seccomp_refusal_count; i++) {
        const struct seccomp_refusal *refusal = &seccomp_refusals[i];
        for (unsigned k = 0; refusal->call == call && k < 2 && refusal->arguments[k].mask; k++)
            add(ret_values, refusal->arguments[k].number, refusal->arguments[k].mask,
                refusal->arguments[k].value);
    }
    for (unsigned argument = 0; argument < ARGUMENTS; argument++)
        ret_values->of[argument][ret_values->count[argument]++] = UINT64_C(0x5eed5eed5eed);
}

static void compare(unsigned profile, struct seccomp_data *data, const struct values *values,
                    unsigned argument)
{
    if (argument < ARGUMENTS) {
        for (size_t i = 0; i < values->count[argument]; i++) {
            data->args[argument] = values->of[argument][i];
            compare(profile, data, values, argument + 1);
        }
        return;
    }
    unsigned steps;
    uint32_t is = run(&seccomp_programs[profile], data, &steps),
             should = wanted(seccomp_lists[profile], data);
    if (is != should)
        fail_msg("%s: call %d of %#x (%#llx, %#llx, %#llx): %#x instead of %#x", profile_name(profile),
                 data->nr, data->arch, data->args[0], data->args[1], data->args[2], is, should);
}

static void a_filter_answers_as_the_tables_say(void **state)
{
    (void)state;
    struct values values;
    for (unsigned profile = 0; profile < PROFILE_COUNT; profile++) {
        for (unsigned call = 0; call < CALLS; call++) {
            struct seccomp_data data = {.nr = (int)call, .arch = AUDIT_ARCH_X86_64};
            collect(seccomp_lists[profile], (int)call, &values);
            compare(profile, &data, &values, 0);
        }
    }
}

static void calls_of_other_tables_kill(void **state)
{
    (void)state;
    static const uint32_t architectures[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0,
                                             UINT32_MAX};
    static const uint32_t bases[] = {0, X32, 0x80000000u, UINT32_MAX - CALLS + 1};
    struct values none;
    collect(seccomp_lists[PROFILE_CODE], -1, &none);
    for (unsigned profile = 0; profile < PROFILE_COUNT; profile++) {
        for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++) {
            for (size_t base = 0; base < sizeof(bases) / sizeof(bases[0]); base++) {
                for (unsigned call = 0; call < CALLS; call++) {
                    struct seccomp_data data = {.nr = (int)(bases[base] + call), .arch = architectures[i]};
                    compare(profile, &data, &none, 0);
                }
            }
        }
    }
}

// What a start pays for: the kernel tries the filter with every number.
static void a_filter_is_flat(void **state)
{
    (void)state;
    struct values values;
    for (unsigned profile = 0; profile < PROFILE_COUNT; profile++) {
        for (unsigned call = 0; call < CALLS; call++) {
            struct seccomp_data data = {.nr = (int)call, .arch = AUDIT_ARCH_X86_64};
            unsigned steps;
            collect(seccomp_lists[profile], (int)call, &values);
            run(&seccomp_programs[profile], &data, &steps);
            bool conditions = false;
            for (unsigned argument = 0; argument < ARGUMENTS; argument++)
                conditions |= values.count[argument] > 1;
            assert_true(conditions || steps < STEPS_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_answers_as_the_tables_say),
        cmocka_unit_test(calls_of_other_tables_kill),
        cmocka_unit_test(a_filter_is_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
