#pragma once
// The table of commands.

#include <stdbool.h>
#include <stdio.h>

#include "ctl/context.h"

struct command {
    const char *words;   // "user create"
    unsigned accepted;   // options
    const char *operand; // NULL: none
    bool database;       // it needs one
    bool any_config;     // it runs with a broken configuration as well
    int (*run)(struct context *context);
    const char *text; // one sentence for the help
};

// The command that argv starts with, NULL when there is none; *ret_count words belong to it.
const struct command *command_find(char *const *argv, int *ret_count);
// One line of usage.
void command_print_usage(const struct command *command, const char *program, FILE *stream);
void command_print_help(FILE *stream);

int user_create(struct context *context);
int user_list(struct context *context);
int user_disable(struct context *context);
int user_enable(struct context *context);
int user_passwd(struct context *context);
int sandbox_list(struct context *context);
int sandbox_show(struct context *context);
int sandbox_network(struct context *context);
int sandbox_limits(struct context *context);
int sandbox_stop(struct context *context);
int migrate(struct context *context);
int backup(struct context *context);
int backup_key(struct context *context);
int restore(struct context *context);
int doctor(struct context *context);
int config_check(struct context *context);
int node_status(struct context *context);
int node_drain(struct context *context);
int top(struct context *context);
int haproxy_config(struct context *context);
