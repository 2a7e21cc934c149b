#pragma once
// The servers on the outside, as threads of the test.

// In the network namespace of the calling thread: HTTP on 80 and 8080, an echo on 443 and 9000, names on 53; by IPv6 as
// well. flip.test has a public address for one question, a private one for the next, and so on.
void outside_start(void);
void outside_rebind(const char *address);
unsigned outside_questions(const char *suffix);
// Connections so far that came to an address which is not public.
unsigned outside_reached_private(void);
