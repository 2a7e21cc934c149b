#pragma once
// The servers on the outside, as threads of the test.

// In the network namespace of the calling thread: HTTP on 80 and 8080, an echo on 443 and 9000, names on 53.
void outside_start(void);
void outside_rebind(const char *address);
unsigned outside_questions(const char *suffix);
