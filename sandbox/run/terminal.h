#pragma once
// The terminal that sandbox-run was started from, as far as the command gets it: it has no part in its job control, so the kernel would let it
// read in the background what the user types for somebody else.

#include <stdbool.h>
#include <termios.h>

struct terminal {
    bool shared; // the command's standard input is it
    int own;     // the first standard descriptor that is it; -1: none
    bool known;  // settings holds how it was
    struct termios settings;
    int opened[3]; // by standard descriptor: what the command gets in its place; -1: the own one
};

#define TERMINAL_NONE                                                                                        \
    {                                                                                                        \
        .own = -1, .opened = { -1, -1, -1 }                                                                  \
    }

// Finds it. 0 or -errno.
int terminal_init(struct terminal *terminal);
void terminal_finish(struct terminal *terminal);
// Puts what the command gets at its places.
void terminal_ends(const struct terminal *terminal, int standard[static 3]);
// True when the command may go on: it has no terminal to read from, or sandbox-run is in the foreground.
bool terminal_is_free(const struct terminal *terminal);
// Takes output up again that the command halted (tcflow(3)): nobody's key does that.
void terminal_release(const struct terminal *terminal);
// As it was, once nothing of the command is left.
void terminal_restore(const struct terminal *terminal);
