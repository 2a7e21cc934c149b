#pragma once
// Things outside that a sandbox must neither find nor change: a process, sockets, files.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct canary {
    char directory[32];
    char name[64]; // of the process
    char words[6][160];
    pid_t pid;
    int32_t key; // 0: none
    int abstract, socket, tcp;
};

void canary_start(struct canary *canary);
void canary_stop(struct canary *canary);
// FACT=VALUE for sandbox-doors, ended by NULL: seven words.
void canary_arguments(const struct canary *canary, const char **ret_arguments);
