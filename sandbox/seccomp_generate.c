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
#define PREFIX_LENGTH (3 + REFUSED_REQUESTS + 1)

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

// libseccomp has no way to say "any but these" of one argument. All jumps are relative, so what checks that may stand before its program.
// The low half of args[1] is where a little-endian machine keeps what ioctl(2) takes.
static void make_prefix(struct sock_filter prefix[static PREFIX_LENGTH])
{
    unsigned n = 0;
    prefix[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    prefix[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)SCMP_SYS(ioctl), 0,
                                               PREFIX_LENGTH - 2);
    prefix[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]));
    for (unsigned i = 0; i < REFUSED_REQUESTS; i++) {
        bool last = i + 1 == REFUSED_REQUESTS;
        prefix[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_refused_requests[i],
                                                   REFUSED_REQUESTS - 1 - i, last ? 1 : 0);
    }
    prefix[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
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
    struct sock_filter prefix[PREFIX_LENGTH];
    make_prefix(prefix);
    fprintf(out, "static const struct sock_filter %s[] = {\n", profile_name(profile));
    print_instructions(out, prefix, PREFIX_LENGTH);
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
