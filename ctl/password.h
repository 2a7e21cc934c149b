#pragma once
// Where a new password comes from: --password, --password-stdin, or the terminal, asked twice and without
// echo.

#include "auth/password.h"
#include "ctl/context.h"

// Reads, judges and hashes it. STATUS_OK, or another status with the complaint made. The password is wiped,
// also in argv.
int ctl_password(struct context *context, struct password_hash *ret_hash);
