// The filter is a search tree over ranges of call numbers that have the same answer, with the checks of arguments at its leaves. When a filter
// is put in force the kernel tries it with every number that there is, to learn which calls are always allowed, and compiles it: both
// cost a start what the tree's depth and the filter's length make it. libseccomp has a leaf for each call.
//
// It is written from its end, so that the target of a jump, which only goes forward, is there before the jump.

#include "sandbox/plan/seccomp_compile.h"

#include <endian.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define OTHER_TABLE 0x40000000u // x32: the same architecture with other calls
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define OTHER_TABLE UINT32_MAX
#else
#error "no architecture to make filters for"
#endif
#if __BYTE_ORDER != __LITTLE_ENDIAN
#error "the halves of an argument are the other way round"
#endif

#define CALLS_MAX 1024u
#define CHECKS_MAX 512u
#define ANSWERS_MAX 16u
#define JUMP_MAX 255u
#define NO_CALL UINT32_MAX // the number that a tracer gives to skip a call

// How many instructions there are from one to the end.
typedef unsigned label;

struct check {
    label load, test; // with and without the argument's loading
    uint32_t offset, mask;
};

struct writer {
    struct sock_filter program[BPF_MAXINSNS];
    label count;
    struct check checks[CHECKS_MAX];
    unsigned check_count;
    struct {
        uint32_t value;
        label at, copy; // the latest
    } answers[ANSWERS_MAX];
    unsigned answer_count;
    bool overflow;
};

struct condition {
    unsigned argument;
    uint64_t mask, value; // mask 0: there is none
};

struct line {
    struct condition conditions[SECCOMP_CONDITIONS_MAX];
    label outcome;
};

struct range {
    uint32_t first;
    label target;
};

static label put(struct writer *writer, struct sock_filter instruction)
{
    if (writer->count == BPF_MAXINSNS) {
        writer->overflow = true;
        return writer->count;
    }
    writer->count++;
    writer->program[BPF_MAXINSNS - writer->count] = instruction;
    return writer->count;
}

static label answer(struct writer *writer, uint32_t value)
{
    for (unsigned i = 0; i < writer->answer_count; i++) {
        if (writer->answers[i].value == value)
            return writer->answers[i].at;
    }
    if (writer->answer_count == ANSWERS_MAX) {
        writer->overflow = true;
        return 0;
    }
    label at = put(writer, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value));
    writer->answers[writer->answer_count].value = value;
    writer->answers[writer->answer_count].copy = at;
    writer->answers[writer->answer_count++].at = at;
    return at;
}

// What leads there and is not too far for a conditional jump. An answer is given again; the next jump takes the copy.
static label nearer(struct writer *writer, label target)
{
    for (unsigned i = 0; i < writer->answer_count; i++) {
        if (writer->answers[i].at != target)
            continue;
        if (writer->count - writer->answers[i].copy > JUMP_MAX)
            writer->answers[i].copy =
                put(writer, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, writer->answers[i].value));
        return writer->answers[i].copy;
    }
    return put(writer, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, writer->count - target));
}

static bool far(const struct writer *writer, label target)
{
    return writer->count - target > JUMP_MAX;
}

static label jump(struct writer *writer, uint16_t how, uint32_t value, label yes, label no)
{
    while (!writer->overflow && (far(writer, yes) || far(writer, no))) {
        if (far(writer, yes))
            yes = nearer(writer, yes);
        else
            no = nearer(writer, no);
    }
    return put(writer,
               (struct sock_filter)BPF_JUMP(BPF_JMP | how | BPF_K, value, (uint8_t)(writer->count - yes),
                                            (uint8_t)(writer->count - no)));
}

// Where to go on when a check of this half failed: the next one need not load the same again.
static label after(const struct writer *writer, label next, uint32_t offset, uint32_t mask)
{
    for (unsigned i = 0; i < writer->check_count; i++) {
        const struct check *check = &writer->checks[i];
        if (check->load == next && check->offset == offset && check->mask == mask)
            return check->test;
    }
    return next;
}

static label test_half(struct writer *writer, uint32_t offset, uint32_t mask, uint32_t value, label yes,
                       label no)
{
    if (writer->check_count == CHECKS_MAX) {
        writer->overflow = true;
        return 0;
    }
    struct check check = {.offset = offset, .mask = mask};
    check.test = jump(writer, BPF_JEQ, value, yes, after(writer, no, offset, mask));
    if (mask != UINT32_MAX)
        put(writer, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    check.load = put(writer, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
    writer->checks[writer->check_count++] = check;
    return check.load;
}

static label test(struct writer *writer, const struct condition *condition, label yes, label no)
{
    uint32_t offset =
        (uint32_t)(offsetof(struct seccomp_data, args) + condition->argument * sizeof(uint64_t));
    uint32_t low = (uint32_t)condition->mask, high = (uint32_t)(condition->mask >> 32);
    if (low)
        yes = test_half(writer, offset, low, (uint32_t)condition->value, yes, no);
    if (high)
        yes = test_half(writer, offset + (uint32_t)sizeof(uint32_t), high, (uint32_t)(condition->value >> 32),
                        yes, no);
    return yes;
}

static bool has_condition(const struct line *line, unsigned depth)
{
    return depth < SECCOMP_CONDITIONS_MAX && line->conditions[depth].mask != 0;
}

static bool same_condition(const struct line *a, const struct line *b, unsigned depth)
{
    const struct condition *x = &a->conditions[depth], *y = &b->conditions[depth];
    return has_condition(a, depth) && x->argument == y->argument && x->mask == y->mask &&
           x->value == y->value;
}

// The first line that holds decides. Neighbours with a condition in common share its check.
static label write_lines(struct writer *writer, const struct line *lines, size_t count, unsigned depth,
                         label otherwise)
{
    label next = otherwise;
    for (size_t end = count, first; end > 0; end = first) {
        first = end - 1;
        if (!has_condition(&lines[first], depth)) {
            next = lines[first].outcome;
            continue;
        }
        while (first > 0 && same_condition(&lines[first - 1], &lines[end - 1], depth))
            first--;
        label inner = write_lines(writer, lines + first, end - first, depth + 1, next);
        next = test(writer, &lines[first].conditions[depth], inner, next);
    }
    return next;
}

static label write_tree(struct writer *writer, const struct range *ranges, size_t count)
{
    if (count == 1)
        return ranges[0].target;
    size_t half = count / 2;
    label upper = write_tree(writer, ranges + half, count - half);
    label lower = write_tree(writer, ranges, half);
    return jump(writer, BPF_JGE, ranges[half].first, upper, lower);
}

// What happens with one call: refusals, then what allows it.
static label write_call(struct writer *writer, const struct seccomp_tables *tables, int call, label otherwise)
{
    struct line lines[CHECKS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < tables->refusal_count; i++) {
        const struct seccomp_refusal *refusal = &tables->refusals[i];
        if (refusal->call != call || count == CHECKS_MAX)
            continue;
        struct line *line = &lines[count++];
        *line = (struct line){.outcome = answer(writer, SECCOMP_RET_ERRNO | refusal->error)};
        for (unsigned k = 0; k < 2; k++) // the kernel takes these arguments as 32 bits
            line->conditions[k] = (struct condition){refusal->arguments[k].number, refusal->arguments[k].mask,
                                                     refusal->arguments[k].value};
    }
    for (size_t i = 0; i < tables->rule_count; i++) {
        const struct seccomp_rule *rule = &tables->rules[i];
        if (rule->call != call || count == CHECKS_MAX)
            continue;
        struct line *line = &lines[count++];
        *line = (struct line){.outcome = answer(writer, rule->action)};
        for (unsigned k = 0; k < SECCOMP_CONDITIONS_MAX && rule->conditions[k].mask; k++)
            line->conditions[k] = (struct condition){rule->conditions[k].argument, rule->conditions[k].mask,
                                                     rule->conditions[k].value};
    }
    writer->overflow |= count == CHECKS_MAX;
    return write_lines(writer, lines, count, 0, otherwise);
}

static void add_range(struct range *ranges, size_t *count, uint32_t first, label target)
{
    if (*count == 0 || ranges[*count - 1].target != target)
        ranges[(*count)++] = (struct range){first, target};
}

// A check whose argument the one before it had loaded already is entered behind its own load, which may then be one that nothing leads to.
static unsigned short keep_reached(const struct sock_filter *program, size_t count,
                                   struct sock_filter *ret_program)
{
    static bool reached[BPF_MAXINSNS + 1];
    static unsigned short before[BPF_MAXINSNS + 1]; // how many are kept before each
    memset(reached, 0, sizeof(reached));
    reached[0] = true;
    for (size_t i = 0; i < count; i++) {
        const struct sock_filter *at = &program[i];
        bool jumps = BPF_CLASS(at->code) == BPF_JMP, always = at->code == (BPF_JMP | BPF_JA);
        before[i + 1] = (unsigned short)(before[i] + reached[i]);
        if (!reached[i] || BPF_CLASS(at->code) == BPF_RET)
            continue;
        reached[i + 1 + (always ? at->k : jumps ? at->jt : 0)] = true;
        reached[i + 1 + (always ? at->k : jumps ? at->jf : 0)] = true;
    }
    for (size_t i = 0; i < count; i++) {
        struct sock_filter at = program[i];
        unsigned short next = before[i + 1];
        if (!reached[i])
            continue;
        if (at.code == (BPF_JMP | BPF_JA)) {
            at.k = (uint32_t)(before[i + 1 + at.k] - next);
        } else if (BPF_CLASS(at.code) == BPF_JMP) {
            at.jt = (uint8_t)(before[i + 1 + at.jt] - next);
            at.jf = (uint8_t)(before[i + 1 + at.jf] - next);
        }
        ret_program[before[i]] = at;
    }
    return before[count];
}

int seccomp_compile(const struct seccomp_tables *tables, struct sock_filter ret_program[static BPF_MAXINSNS],
                    unsigned short *ret_count)
{
    static struct writer writer;
    static struct range ranges[CALLS_MAX + 3];
    size_t count = 0;
    writer = (struct writer){0};
    label unknown = answer(&writer, SECCOMP_RET_ERRNO | ENOSYS);
    label kill = answer(&writer, SECCOMP_RET_KILL_PROCESS);
    answer(&writer, SECCOMP_RET_ALLOW);
    for (unsigned call = 0; call < CALLS_MAX; call++)
        add_range(ranges, &count, call, write_call(&writer, tables, (int)call, unknown));
    add_range(ranges, &count, CALLS_MAX, unknown);
    if (OTHER_TABLE != NO_CALL) {
        add_range(ranges, &count, OTHER_TABLE, kill);
        add_range(ranges, &count, NO_CALL, unknown);
    }
    label tree = write_tree(&writer, ranges, count);
    if (tree != writer.count)
        nearer(&writer, tree);
    tree = put(&writer,
               (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    jump(&writer, BPF_JEQ, ARCHITECTURE, tree, kill);
    put(&writer, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
    if (writer.overflow)
        return -E2BIG;
    *ret_count = keep_reached(writer.program + BPF_MAXINSNS - writer.count, writer.count, ret_program);
    return 0;
}
