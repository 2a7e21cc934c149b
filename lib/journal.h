#pragma once
// systemd's journal by its native protocol (systemd.journal-fields(7)): each field arrives as a field, and no value can forge another.

#include <stdbool.h>

#include "lib/log.h"

// Whether standard error is the journal's (JOURNAL_STREAM names it) and the journal's socket can be reached: then ret_fd is a connected
// descriptor, owned by the caller.
bool journal_open(int *ret_fd);

// One entry. MESSAGE is `text`; each field becomes SANDBOX_<KEY>. 0, or -errno when the journal does not take it.
int journal_send(int fd, const char *program, enum log_level level, const char *text,
                 const struct log_field *fields);
