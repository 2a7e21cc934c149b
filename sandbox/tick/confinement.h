#pragma once
// What each thread of sandbox-tick gives up (lib/confine.h). 0, or -errno with the layer in words.

int confinement_of_ticker(const char **ret_problem);
int confinement_of_watcher(const char **ret_problem);
