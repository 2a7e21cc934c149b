#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
} sink = {.program = "?", .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO};

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
}

void log_to(int fd)
{
    sink.fd = fd;
}

int log_descriptor(void)
{
    return sink.fd;
}

void log_event(enum log_level level, const char *message, const struct log_field *fields)
{
    if (level > sink.level)
        return;
    int saved = errno;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char time_text[40];
    size_t n = strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(time_text + n, sizeof(time_text) - n, ".%03ldZ", now.tv_nsec / 1000000);

    struct line line = {.length = 0};
    if (sink.json) {
        put(&line, "{\"time\":");
        put_quoted(&line, time_text);
        put_json(&line, "level", level_names[level]);
        put_json(&line, "program", sink.program);
        put_json(&line, "message", message);
        for (; fields->key && has_room(&line); fields++)
            put_json(&line, fields->key, fields->value ? fields->value : "");
        put(&line, "}");
    } else {
        put(&line, time_text);
        put(&line, " ");
        put(&line, sink.program);
        put(&line, " ");
        put(&line, level_names[level]);
        put(&line, ": ");
        put(&line, message);
        for (; fields->key && has_room(&line); fields++) {
            put(&line, " ");
            put(&line, fields->key);
            put(&line, "=");
            put_quoted(&line, fields->value ? fields->value : "");
        }
    }
    line.text[line.length++] = '\n';
    // One write keeps lines whole between threads and programs; a full or closed log is nobody's to mend.
    ssize_t written = write(sink.fd, line.text, line.length);
    (void)written;
    errno = saved;
}
