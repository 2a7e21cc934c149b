#pragma once
// One film that is being made (films.c keeps them).

#include <stdbool.h>

#include "lib/export_channel.h"
#include "server/films.h"
#include "server/work.h"

enum film_step {
    FILM_STEP_WAITING,
    FILM_STEP_OPENING, // a worker opens its files
    FILM_STEP_ASKED,   // sandboxd shall start an exporter
    FILM_STEP_WORKING,
    FILM_STEP_CLOSING, // a worker gives the file its name, or removes it
    FILM_STEP_FAILED
};

struct film_files {
    const char *directory;
    uint64_t quota;
    struct id recording, account;
    int stream, film; // -1: not open
    uint64_t free;    // bytes of the quota that nothing has which is finished
};

struct film {
    struct work_job job;
    struct films *films;
    struct film *next;
    struct film_files files; // a worker's while it opens or closes
    enum film_step step;
    bool dropped;    // its recording is gone: it goes as soon as no worker has it
    int error;       // of the worker's part
    uint64_t room;   // bytes that it may have, of what is free: nobody else may while it is being made
    bool alone;      // its share was too small: it is made with all that is free
    bool again;      // for that reason, as soon as its files are closed
    unsigned closed; // films->closed when its files were opened
    uint64_t number;
    int channel; // to the exporter; -1: none
    struct loop_watch watch;
    unsigned permille;
    enum export_state state; // as the exporter told it last
    const char *problem;     // FILM_STEP_FAILED
};

// Workers' parts. -ENOENT: no such recording; -EDQUOT: no room at all; -errno.
int film_files_open(struct film_files *files);
// Keeps the film, or removes what there is of it. -EDQUOT: something else has taken its room meanwhile.
int film_files_close(struct film_files *files, bool keep);

// It has files, or is about to; `first` is the list of all, in the order in which they were wished for.
bool film_under_way(const struct film *film);
// What it may have of what is free. An account may have all exporters: each of its films gets a share, so that all of them together find room.
uint64_t film_room(const struct film *first, const struct film *film);
// Of those that wait whose accounts have the fewest under way, the first. NULL: none, or none that may begin.
struct film *film_next(struct film *first);
