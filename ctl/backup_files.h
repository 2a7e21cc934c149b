#pragma once
// What backup and restore share.

#include <stdint.h>

#include "backup/homes.h"
#include "backup/key.h"
#include "ctl/context.h"

#define BACKUP_FORM 1 // of the manifest and of what lies beside it

// The option, else the setting (OPTION_COUNT: there is no option); NULL, and said, when neither is given.
const char *backup_setting(const struct context *context, enum option option, enum config_key key);
// A status.
int backup_load_key(const struct context *context, struct backup_key *ret_key);
// An unnamed file of TMPDIR or /var/tmp, which nobody else can open. A status.
int backup_open_temporary(const struct context *context, int *ret_fd);
void backup_print_count(const char *name, uint64_t bytes, const struct homes_count *count);

// Makes context->store. A status.
int backup_open_store(struct context *context);
// What follows is done as the database's user, until backup_leave_database. A status; each passes the first failure on.
int backup_enter_database(struct context *context);
int backup_leave_database(struct context *context, int status);
