#pragma once
// What stands on stdout: where the service is, and the administrator's password in the one run that made it.

#include "supervisor/plan.h"

// The ready line. Wipes the password.
void announce_ready(struct plan *plan);
// For a start that is stopped after the administrator was made: the password, which no later run can show.
// Nothing when it was not made. Wipes the password.
void announce_admin(struct plan *plan);
