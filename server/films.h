#pragma once
// Films of recordings: MP4 files that sandbox-export makes, a few at once, the others wait. A film is there when its file is; here is only what
// is being made, and what could not be.

#include <stdbool.h>

#include "lib/ids.h"

struct films;
struct server;

enum film_state { FILM_NONE, FILM_WAITING, FILM_WORKING, FILM_FAILED };

struct film_status {
    enum film_state state;
    unsigned permille;   // FILM_WORKING
    const char *problem; // FILM_FAILED: a sentence for people
};

// NULL when memory is out.
struct films *films_new(struct server *server);
// Ends all, when no worker runs any more; what is not finished is gone.
void films_free(struct films *films);

// Unless it is being made. -EDQUOT: the account has too many under way; -EAGAIN: so has the node; -ENOMEM.
int films_begin(struct films *films, const struct id *recording, const struct id *account);
struct film_status films_status(const struct films *films, const struct id *recording);
// The recording is gone.
void films_drop(struct films *films, const struct id *recording);

// sandboxd is there again, or away; its answers.
void films_connected(struct films *films);
void films_disconnected(struct films *films);
void films_exported(struct films *films, uint64_t number, int channel);
void films_export_failed(struct films *films, uint64_t number, int error);
