#pragma once
// The operator's terminal while a full screen is shown: no echo, no line editing, the alternate screen, and all of it given back.

#include <stdbool.h>
#include <termios.h>

struct top_terminal {
    bool entered;
    struct termios before;
};

#define TOP_TERMINAL_NONE                                                                                    \
    {                                                                                                        \
        .entered = false                                                                                     \
    }

// Whether standard input and output are a terminal that can be drawn on.
bool top_terminal_usable(void);
// Whether its user wants colours (NO_COLOR) and it may have them.
bool top_terminal_colour(void);
// 0 or -errno.
int top_terminal_enter(struct top_terminal *terminal);
void top_terminal_leave(struct top_terminal *terminal);
// Columns and lines; 80 and 24 where it does not know.
void top_terminal_size(unsigned *ret_columns, unsigned *ret_lines);
