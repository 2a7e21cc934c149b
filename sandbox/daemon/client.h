#pragma once
// The connection to sandbox-server: who may connect, what it may ask.

#include "sandbox/daemon/service.h"

struct client;

// A connected socket; taken. A new client replaces the old one, which is told by the end of its socket.
void client_accept(struct service *service, int socket);
void client_close(struct service *service);
// Sends to the client, if there is one that said HELLO. One that does not keep up is dropped: it asks for the
// list when it is back.
void client_send(struct service *service, const struct sandboxd_message *message, int fd);
