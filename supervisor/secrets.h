#pragma once

#include <sys/types.h>

enum { PASSWORD_LENGTH = 20 };

// Writes secrets.env with a fresh JWT_SECRET into the directory, mode 0600, owned by uid:gid, unless there is
// one already.
int secrets_create(int state_fd, uid_t uid, gid_t gid);
// A password of letters and digits that can't be mistaken for each other, drawn evenly.
int secrets_make_password(char ret_password[PASSWORD_LENGTH + 1]);
