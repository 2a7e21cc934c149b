#pragma once

#include "supervisor/plan.h"

// Prints the line that says where to sign in, with the password when this run made the administrator, and wipes it.
void announce(struct plan *plan);
