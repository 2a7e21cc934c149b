#pragma once
// What the programs that try doors share.

// Tries every door and prints one line for each and the score; the exit status of the program. `confine_attempt`, if there is one, is called in the
// process of each attempt before it; when it fails nothing more is tried.
int doors_run(int argc, char **argv, int (*confine_attempt)(void));
