#pragma once
// What is told about an end.

#include "sandbox/run/session.h"

// What the proxy counted.
void report_take_network(const struct run_network *network, struct outcome *outcome);
// Of a start that came to nothing; error: positive errno.
struct outcome report_of_nothing(const char *step, int error);
// What the caller can do about it, or "".
const char *report_advice(int error);
int report_exit_status(const struct outcome *outcome);
// One line on standard error when the sandbox, and not the command, decided about the end.
void report_print(const struct options *options, const struct outcome *outcome);
// The JSON report of --json. 0 or -errno.
int report_write(const struct options *options, const struct probe *probe, const struct outcome *outcome);
