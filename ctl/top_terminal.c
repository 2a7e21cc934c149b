#include "ctl/top_terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/fd.h"

// Alternate screen on, cursor off; and back.
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

static int write_text(const char *text)
{
    return write_all(STDOUT_FILENO, text, strlen(text));
}

bool top_terminal_usable(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

bool top_terminal_colour(void)
{
    const char *unwanted = getenv("NO_COLOR"); // no-color.org
    const char *kind = getenv("TERM");
    return !(unwanted && *unwanted) && kind && strncmp(kind, "vt", 2) != 0;
}

int top_terminal_enter(struct top_terminal *terminal)
{
    if (tcgetattr(STDIN_FILENO, &terminal->before) < 0)
        return -errno;
    struct termios raw = terminal->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) < 0)
        return -errno;
    terminal->entered = true;
    return write_text(ENTER);
}

void top_terminal_leave(struct top_terminal *terminal)
{
    if (!terminal->entered)
        return;
    terminal->entered = false;
    // It may be gone: nothing is to be done about that.
    (void)write_text(LEAVE);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal->before);
}

void top_terminal_size(unsigned *ret_columns, unsigned *ret_lines)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    *ret_columns = known ? size.ws_col : 80;
    *ret_lines = known ? size.ws_row : 24;
}
