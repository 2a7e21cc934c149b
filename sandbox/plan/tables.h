#pragma once
// The constant parts of the plans.

#include <sched.h>

#include "sandbox/plan/plan.h"

// The network's and the cgroup's are made by operations of their own.
#define PLAN_NAMESPACES (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS)
#define PLAN_INSIDE_ID 1000
#define PLAN_COMMAND_PATH "/usr/local/bin:/usr/bin:/bin"
#define PLAN_COMMAND_DIRECTORIES "/usr/local/bin", "/usr/bin", "/bin"
#define PLAN_EMPTY_DIRECTORY "sandbox/empty" // what lies over masked directories
#define PLAN_COVERED_DIRECTORY "sandbox/covered"
#define PLAN_HOSTNAME "sandbox"
#define PLAN_TMP_INODES 65536u
#define PLAN_RUN_INODES 4096u

extern const struct operation plan_system_table[]; // read-only programs and libraries
extern const size_t plan_system_count;
extern const struct operation plan_base_table[]; // /etc, /var, /dev of every profile
extern const size_t plan_base_count;
extern const struct operation plan_writable_table[]; // what a command may write
extern const size_t plan_writable_count;
extern const struct operation plan_covered_table[];
extern const size_t plan_covered_count;
extern const struct operation plan_code_table[]; // what a profile has besides
extern const size_t plan_code_count;
extern const struct operation plan_desktop_table[];
extern const size_t plan_desktop_count;
extern const struct operation plan_proc_table[]; // what is masked in /proc
extern const size_t plan_proc_count;
extern const struct operation plan_browser_namespaces[]; // which namespaces may be made below
extern const size_t plan_browser_namespaces_count;
extern const struct operation plan_code_namespaces[];
extern const size_t plan_code_namespaces_count;
extern const struct operation
    plan_read_only_table[]; // what of /proc/sys is masked, and what becomes read-only at last
extern const size_t plan_read_only_count;

extern const char *const plan_desktop_arguments[];
extern const char *const plan_desktop_environment[];
extern const char *const plan_command_environment[];
extern const char *const plan_proxy_environment[];
extern const char *const plan_streamer_arguments[];
extern const char *const plan_exporter_arguments[];
extern const char *const plan_helper_environment[];
