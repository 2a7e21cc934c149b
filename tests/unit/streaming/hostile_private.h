#pragma once
// What hostile.c (the connection) and hostile_answers.c (the replies and events) share.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostile.h"

#define KEYCODE_MIN 8
#define KEYCODE_MAX 255

// Where its extension has its events.
enum { FIXES_EVENT = 95, FIXES_CURSOR_NOTIFY = FIXES_EVENT + 1 };

struct server {
    enum hostility how;
    int socket;
    unsigned width, height, seed;
    uint16_t sequence;
    uint32_t atoms;                              // handed out
    uint32_t targets, asked_for, asked_property; // TARGETS; what the clipboard's owner was asked for last
    bool flooding;
};

// Ends the process with the connection.
void hostile_send(struct server *s, const void *data, size_t length);
uint32_t hostile_random(struct server *s);
// Waits for the client's end without reading what it sends.
_Noreturn void hostile_stall(void);

// Answers one request, as it likes.
void hostile_answer(struct server *s, const uint8_t *request);
