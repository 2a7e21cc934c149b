// Runs a command under a container engine's seccomp profile: what such an engine does with the file, for the rules that ours has. Needs root.
//
// usage: seccomp_profile FILE COMMAND [ARGUMENT]...
#include <errno.h>
#include <jansson.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noreturn)) static void fail(const char *what, const char *why)
{
    fprintf(stderr, "seccomp_profile: %s: %s\n", what, why);
    exit(125);
}

static bool is(const json_t *object, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && strcmp(text, value) == 0;
}

// At most one comparison, "is not", for each rule.
static void add_rule(scmp_filter_ctx filter, const json_t *rule)
{
    size_t i;
    const json_t *name, *argument = json_array_get(json_object_get(rule, "args"), 0);
    json_t *names = json_object_get(rule, "names");
    int number = (int)json_integer_value(json_object_get(rule, "errnoRet"));
    if (!is(rule, "action", "SCMP_ACT_ERRNO") || (argument && !is(argument, "op", "SCMP_CMP_NE")))
        fail("rule", "not known here");
    json_array_foreach(names, i, name)
    {
        int call = seccomp_syscall_resolve_name(json_string_value(name));
        if (call == __NR_SCMP_ERROR) // an engine passes over what its library does not know, too
            continue;
        struct scmp_arg_cmp comparison = {.op = SCMP_CMP_NE};
        if (argument) {
            comparison.arg = (unsigned)json_integer_value(json_object_get(argument, "index"));
            comparison.datum_a = (scmp_datum_t)json_integer_value(json_object_get(argument, "value"));
        }
        int error = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((unsigned)number), call, argument != NULL,
                                           &comparison);
        if (error)
            fail(json_string_value(name), strerror(-error));
    }
}

int main(int argc, char **argv)
{
    json_error_t problem;
    size_t i;
    const json_t *rule;
    if (argc < 3)
        fail("usage", "seccomp_profile FILE COMMAND [ARGUMENT]...");
    json_t *profile = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &problem);
    if (!profile)
        fail(argv[1], problem.text);
    if (!is(profile, "defaultAction", "SCMP_ACT_ALLOW"))
        fail("defaultAction", "not known here");
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        fail("seccomp_init", strerror(ENOMEM));
    json_array_foreach(json_object_get(profile, "syscalls"), i, rule) add_rule(filter, rule);
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    int error = seccomp_load(filter);
    if (error)
        fail("seccomp_load", strerror(-error));
    execvp(argv[2], argv + 2);
    fail(argv[2], strerror(errno));
}
