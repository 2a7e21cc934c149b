#pragma once
// What holds a sandbox, layer by layer, told from inside: where two layers keep the same door shut, the door does not tell that one of them is gone.

#include <stdbool.h>
#include <stddef.h>

enum in { IN_CODE = 1, IN_BROWSER = 2, IN_DESKTOP = 4, IN_ALL = 7 };

// Counts a check, and says what is wrong unless `holds`.
__attribute__((format(printf, 2, 3))) void layers_check(bool holds, const char *format, ...);

void layers_calls(enum in profile);
void layers_arguments(enum in profile);
void layers_rights(enum in profile);
void layers_files(bool landlock);
