#pragma once
// One line per event on stderr, as text or as one JSON object (LOG_FORMAT). Values are escaped: no outsider
// can forge a line. Where stderr is systemd's journal, an entry with its fields goes there instead (lib/journal.h).

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_field {
    const char *key;
    const char *value;
};

// First before other threads exist; again, with the same program, at any time. `program` must outlive the process's logging.
void log_open(const char *program, enum log_level level, bool json);
// Lines go to this descriptor from here on (at first: standard error). It must stay open.
void log_to(int fd);
int log_descriptor(void);
// The message is a constant sentence; what varies goes into fields (at most 8), ended by a NULL key. Keeps
// errno. Thread-safe.
void log_event(enum log_level level, const char *message, const struct log_field *fields);

#define LOG_EVENT(level, message, ...)                                                                       \
    log_event((level), (message), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_error(message, ...) LOG_EVENT(LOG_LEVEL_ERROR, message __VA_OPT__(, ) __VA_ARGS__)
#define log_warning(message, ...) LOG_EVENT(LOG_LEVEL_WARNING, message __VA_OPT__(, ) __VA_ARGS__)
#define log_info(message, ...) LOG_EVENT(LOG_LEVEL_INFO, message __VA_OPT__(, ) __VA_ARGS__)
#define log_debug(message, ...) LOG_EVENT(LOG_LEVEL_DEBUG, message __VA_OPT__(, ) __VA_ARGS__)
