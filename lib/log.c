#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/journal.h"

#define LINE_MAX_BYTES 4096
// A value is cut, and a field left out, before it could cost the line its end.
#define VALUE_END (LINE_MAX_BYTES - 64)
#define FIELD_ROOM 256

// The one process-wide sink: every module of a program logs to the same place, from its start to its end.
static struct {
    const char *program;
    _Atomic enum log_level level;
    _Atomic bool json;
    int fd;
    int journal; // -1: lines go to fd
} sink = {.program = "?", .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO, .journal = -1};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

struct line {
    char text[LINE_MAX_BYTES];
    size_t length;
};

static void put(struct line *line, const char *text)
{
    size_t room = sizeof(line->text) - 2 - line->length;
    size_t length = strnlen(text, room);
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

// A quoted string that is valid JSON whatever the bytes are.
static void put_quoted(struct line *line, const char *text)
{
    put(line, "\"");
    for (const unsigned char *p = (const unsigned char *)text; *p && line->length < VALUE_END; p++) {
        char escaped[8] = {(char)*p};
        if (*p == '"' || *p == '\\')
            snprintf(escaped, sizeof(escaped), "\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7f)
            snprintf(escaped, sizeof(escaped), "\\u%04x", *p);
        put(line, escaped);
    }
    put(line, "\"");
}

static bool has_room(const struct line *line)
{
    return line->length + FIELD_ROOM < LINE_MAX_BYTES;
}

static void put_json(struct line *line, const char *key, const char *value)
{
    put(line, ",");
    put_quoted(line, key);
    put(line, ":");
    put_quoted(line, value);
}

void log_open(const char *program, enum log_level level, bool json)
{
    sink.program = program;
    sink.level = level;
    sink.json = json;
    if (sink.journal < 0)
        journal_open(&sink.journal);
}

void log_to(int fd)
{
    sink.fd = fd;
    cleanup_fd(&sink.journal);
    sink.journal = -1;
}

int log_descriptor(void)
{
    return sink.fd;
}

static void put_fields(struct line *line, const struct log_field *fields)
{
    for (; fields->key && has_room(line); fields++) {
        put(line, " ");
        put(line, fields->key);
        put(line, "=");
        put_quoted(line, fields->value ? fields->value : "");
    }
}

static void put_time(char *text, size_t size)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + n, size - n, ".%03ldZ", now.tv_nsec / 1000000);
}

static void put_json_line(struct line *line, enum log_level level, const char *message,
                          const struct log_field *fields)
{
    char time_text[40];
    put_time(time_text, sizeof(time_text));
    put(line, "{\"time\":");
    put_quoted(line, time_text);
    put_json(line, "level", level_names[level]);
    put_json(line, "program", sink.program);
    put_json(line, "message", message);
    for (; fields->key && has_room(line); fields++)
        put_json(line, fields->key, fields->value ? fields->value : "");
    put(line, "}");
}

static void put_text_line(struct line *line, enum log_level level, const char *message,
                          const struct log_field *fields)
{
    char time_text[40];
    put_time(time_text, sizeof(time_text));
    put(line, time_text);
    put(line, " ");
    put(line, sink.program);
    put(line, " ");
    put(line, level_names[level]);
    put(line, ": ");
    put(line, message);
    put_fields(line, fields);
}

// The journal has time, level and program of its own; who reads its lines wants the fields in them too.
static bool tell_journal(enum log_level level, const char *message, const struct log_field *fields)
{
    struct line line = {.length = 0};
    if (sink.journal < 0)
        return false;
    put(&line, message);
    put_fields(&line, fields);
    line.text[line.length] = '\0';
    return journal_send(sink.journal, sink.program, level, line.text, fields) == 0;
}

void log_event(enum log_level level, const char *message, const struct log_field *fields)
{
    if (level > sink.level)
        return;
    int saved = errno;
    if (!tell_journal(level, message, fields)) {
        struct line line = {.length = 0};
        if (sink.json)
            put_json_line(&line, level, message, fields);
        else
            put_text_line(&line, level, message, fields);
        line.text[line.length++] = '\n';
        // One write keeps lines whole between threads and programs; a full or closed log is nobody's to mend.
        ssize_t written = write(sink.fd, line.text, line.length);
        (void)written;
    }
    errno = saved;
}
