#include "ctl/password.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/limits.h"

#define INTERRUPT 3 // Ctrl-C

struct line {
    char text[PASSWORD_MAX + 2]; // one byte more than permitted shows that there is more
    size_t length;
};

static void cleanup_line(struct line *line)
{
    explicit_bzero(line, sizeof(*line));
}

#define AUTO_LINE CLEANUP(cleanup_line) struct line

// Up to the end of the line, which is not part of it, or of the input.
static int read_line(int fd, struct line *line)
{
    line->length = 0;
    while (line->length < sizeof(line->text)) {
        char c;
        ssize_t n = read(fd, &c, 1);
        if (n < 0)
            return -errno;
        if (n == 0 || c == '\n')
            return 0;
        if (c == INTERRUPT)
            return -EINTR;
        line->text[line->length++] = c;
    }
    return 0;
}

// Ctrl-C arrives as a character that ends the line, so that the terminal's echo comes back on that way out as
// well.
static int ask(int terminal, const char *question, struct line *line)
{
    struct termios before;
    if (tcgetattr(terminal, &before))
        return -errno;
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    quiet.c_cc[VEOL] = INTERRUPT;
    // The question comes after: what is typed at its sight must neither be echoed nor flushed.
    int error =
        tcsetattr(terminal, TCSAFLUSH, &quiet) ? -errno : write_all(terminal, question, strlen(question));
    if (!error)
        error = read_line(terminal, line);
    tcsetattr(terminal, TCSAFLUSH, &before);
    write_all(terminal, "\n", 1);
    return error;
}

static int ask_twice(struct context *context, struct line *line)
{
    AUTO_LINE again;
    AUTO_FD int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) {
        complain(context, "there is no terminal to ask for the password: give it by --password-stdin");
        return STATUS_USAGE;
    }
    int error = ask(terminal, "Password: ", line);
    if (!error)
        error = ask(terminal, "Password again: ", &again);
    if (error) {
        complain(context, "no password: %s", strerror(-error));
        return STATUS_FAILED;
    }
    if (line->length != again.length || memcmp(line->text, again.text, line->length) != 0) {
        complain(context, "the two passwords differ");
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

static int get(struct context *context, struct line *line)
{
    char *given = context->options.values[OPTION_PASSWORD];
    bool from_stdin = context->options.values[OPTION_PASSWORD_STDIN];
    if (given && from_stdin) {
        complain(context, "give either --password or --password-stdin");
        return STATUS_USAGE;
    }
    if (given) {
        line->length = strnlen(given, sizeof(line->text));
        memcpy(line->text, given, line->length);
        explicit_bzero(given, strlen(given)); // ps shows it no longer
        return STATUS_OK;
    }
    if (!from_stdin)
        return ask_twice(context, line);
    int error = read_line(STDIN_FILENO, line);
    if (error)
        complain(context, "no password on standard input: %s", strerror(-error));
    return error ? STATUS_FAILED : STATUS_OK;
}

int ctl_password(struct context *context, struct password_hash *ret_hash)
{
    AUTO_LINE line;
    int status = get(context, &line);
    if (status)
        return status;
    int error = password_check(line.text, line.length);
    if (error == -ERANGE)
        complain(context, "the password must have %d to %d bytes", PASSWORD_MIN, PASSWORD_MAX);
    else if (error)
        complain(context, "the password must not hold a NUL byte");
    if (error)
        return STATUS_FAILED;
    error = password_hash(line.text, line.length, ret_hash);
    if (error)
        complain(context, "%s", strerror(-error));
    return error ? STATUS_FAILED : STATUS_OK;
}
