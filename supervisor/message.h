#pragma once

// Prints one line for the operator on stderr: "sandbox-supervisor: ...". A refusal says what to do about it.
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
