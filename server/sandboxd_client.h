#pragma once
// The connection to sandboxd (lib/sandboxd_channel.h): kept up for ever, greeted, and its messages handed on.

#include "lib/sandboxd_channel.h"
#include "server/loop.h"

struct sandboxd_client;

struct sandboxd_events {
    void (*connected)(void *data);
    void (*disconnected)(void *data);
    // Everything but WELCOME. `fd` comes with ATTACHED and is the callee's then, else -1.
    void (*message)(void *data, const struct sandboxd_message *message, int fd);
};

// Starts connecting. `path` and `events` are borrowed. NULL when memory is out.
struct sandboxd_client *sandboxd_client_new(struct loop *loop, const char *path,
                                            const struct sandboxd_events *events, void *data);
void sandboxd_client_free(struct sandboxd_client *client);

// What sandboxd said of itself and its host; NULL while not connected.
const struct sandboxd_welcome *sandboxd_client_welcome(const struct sandboxd_client *client);
// 0, or -ENOTCONN: it was not sent.
int sandboxd_client_send(struct sandboxd_client *client, const struct sandboxd_message *message);
