#pragma once
// The command line of sandbox-run.

#include <stdbool.h>
#include <stdint.h>

#include "lib/egress_rule.h"
#include "lib/isolation.h"
#include "sandbox/plan/plan.h"

struct options {
    struct plan_command command; // its strings belong to the options or to argv
    struct plan_bind binds[PLAN_BINDS_MAX];
    const char *environment[PLAN_BINDS_MAX + 1];
    struct egress_rule rules[EGRESS_RULES_MAX]; // --net; none: no network
    uint32_t rule_count;
    bool no_network; // --net none was said
    char directory[4096];
    uint64_t time_ns;      // 0: no limit
    uint64_t output_bytes; // UINT64_MAX: no limit
    int json_fd;           // -1: no report
    bool plan_only;
    bool help, version;
    bool required[LAYER_COUNT];
    bool asked_memory, asked_cpu, asked_pids; // they were given, and are no defaults
};

// 0, or -EINVAL after one line on standard error.
int options_parse(int argc, char **argv, struct options *options);
void options_finish(struct options *options);
void options_print_help(void);
// One line on standard error. -EINVAL.
__attribute__((format(printf, 1, 2))) int options_refuse(const char *format, ...);
