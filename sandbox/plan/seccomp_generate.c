// Run when the project is built: writes the filters of all profiles as C tables, so that a start costs no libseccomp.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sandbox/plan/seccomp_compile.h"

static int join_lists(const struct seccomp_list *lists, struct seccomp_rule **ret_rules, size_t *ret_count)
{
    size_t count = 0;
    for (unsigned i = 0; i < SECCOMP_LISTS_MAX; i++)
        count += lists[i].count;
    struct seccomp_rule *rules = calloc(count, sizeof(*rules));
    if (!rules)
        return -ENOMEM;
    *ret_rules = rules;
    *ret_count = count;
    for (unsigned i = 0; i < SECCOMP_LISTS_MAX; i++) {
        if (lists[i].count > 0)
            memcpy(rules, lists[i].rules, lists[i].count * sizeof(*rules));
        rules += lists[i].count;
    }
    return 0;
}

static void print_instructions(FILE *out, const struct sock_filter *instructions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "    {%#x, %u, %u, %#x},\n", instructions[i].code, instructions[i].jt,
                instructions[i].jf, instructions[i].k);
}

static int print_program(FILE *out, enum profile profile)
{
    static struct sock_filter program[BPF_MAXINSNS];
    AUTO_FREE struct seccomp_rule *rules = NULL;
    struct seccomp_tables tables = {.refusals = seccomp_refusals, .refusal_count = seccomp_refusal_count};
    unsigned short length = 0;
    int error = join_lists(seccomp_lists[profile], &rules, &tables.rule_count);
    tables.rules = rules;
    if (!error)
        error = seccomp_compile(&tables, program, &length);
    if (error)
        return error;
    fprintf(out, "static const struct sock_filter %s[] = {\n", profile_name(profile));
    print_instructions(out, program, length);
    fputs("};\n\n", out);
    return 0;
}

static int print_all(FILE *out)
{
    fputs("#include \"sandbox/plan/profile.h\"\n\n", out);
    for (unsigned i = 0; i < PROFILE_COUNT; i++) {
        int error = print_program(out, (enum profile)i);
        if (error)
            return error;
    }
    fputs("const struct seccomp_program seccomp_programs[PROFILE_COUNT] = {\n", out);
    for (unsigned i = 0; i < PROFILE_COUNT; i++)
        fprintf(out, "    {%s, sizeof(%s) / sizeof(%s[0])},\n", profile_name(i), profile_name(i),
                profile_name(i));
    fputs("};\n", out);
    return ferror(out) ? -EIO : 0;
}

int main(int argc, char **argv)
{
    AUTO_FILE FILE *out = argc == 2 ? fopen(argv[1], "we") : NULL;
    int error = out ? print_all(out) : -EINVAL;
    if (error)
        fprintf(stderr, "seccomp_generate: %s\n", strerror(-error));
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
