// Run when the project is built: writes the filters of all profiles as C tables, so that a start costs no libseccomp.

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <linux/audit.h>
#include <linux/seccomp.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/seccomp_rules.h"

#define PROGRAM_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))
#define PREFIX_MAX 255 // the jump over a call's refusals must fit into a byte
#define REFUSAL_MAX 7

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

// Loads the low half of an argument, where a little-endian machine keeps a 32-bit one, and goes on only when it is the refused value; if not,
// over the next `over` instructions.
static unsigned add_condition(struct sock_filter *program, const struct seccomp_refusal *refusal,
                              unsigned which, uint8_t over)
{
    unsigned n = 0;
    uint32_t mask = refusal->arguments[which].mask;
    size_t offset = offsetof(struct seccomp_data, args) + refusal->arguments[which].number * sizeof(uint64_t);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask);
    program[n++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refusal->arguments[which].value, 0, over);
    return n;
}

static unsigned add_refusal(struct sock_filter *program, const struct seccomp_refusal *refusal)
{
    bool two = refusal->arguments[1].mask != 0;
    unsigned n = add_condition(program, refusal, 0, two ? 4 : 1);
    if (two)
        n += add_condition(program + n, refusal, 1, 1);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | refusal->error);
    return n;
}

// libseccomp has no way to say "any but these" of one argument. All jumps are relative, so what checks that may stand before its program.
// For each call its number, and a jump over its refusals.
static int make_prefix(struct sock_filter prefix[static PREFIX_MAX], unsigned *ret_length)
{
    unsigned n = 0;
    for (size_t i = 0; i < seccomp_refusal_count;) {
        int call = seccomp_refusals[i].call;
        prefix[n++] =
            (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        unsigned jump = n++;
        for (; i < seccomp_refusal_count && seccomp_refusals[i].call == call; i++) {
            if (n + REFUSAL_MAX + 2 > PREFIX_MAX)
                return -E2BIG;
            n += add_refusal(prefix + n, &seccomp_refusals[i]);
        }
        prefix[jump] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0,
                                                    (uint8_t)(n - jump - 1));
    }
    *ret_length = n;
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
    AUTO_FREE struct seccomp_rule *rules = NULL;
    AUTO_FREE struct sock_filter *instructions = malloc(PROGRAM_MAX);
    AUTO_FD int fd = memfd_create("program", MFD_CLOEXEC);
    size_t count = 0;
    if (!instructions || fd < 0)
        return -ENOMEM;
    int error = join_lists(seccomp_lists[profile], &rules, &count);
    if (!error)
        error = seccomp_filter_export(rules, count, fd);
    if (error)
        return error;
    ssize_t length = pread(fd, instructions, PROGRAM_MAX, 0);
    if (length <= 0 || (size_t)length % sizeof(*instructions) != 0)
        return -EIO;
    struct sock_filter prefix[PREFIX_MAX];
    unsigned prefix_length;
    error = make_prefix(prefix, &prefix_length);
    if (error)
        return error;
    fprintf(out, "static const struct sock_filter %s[] = {\n", profile_name(profile));
    print_instructions(out, prefix, prefix_length);
    print_instructions(out, instructions, (size_t)length / sizeof(*instructions));
    fputs("};\n\n", out);
    return 0;
}

static int print_all(FILE *out)
{
    fputs("#include \"sandbox/profile.h\"\n\n", out);
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
