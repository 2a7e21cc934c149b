#pragma once
// One screen of sandboxctl top, as lines of text.

#include <stdio.h>

#include "ctl/top_sample.h"

struct top_view {
    unsigned columns, lines; // of the screen; lines 0: as many as there are
    bool terminal;           // colours may not be there, but reverse video is; else nothing but text
    bool colour;
    enum top_key key;
    bool reversed, by_owner;
    size_t first;        // the row that stands on top
    const char *problem; // why there is nothing newer; NULL: there is
    const char *clock;   // now, for people
    int64_t now_us;      // since the epoch
};

// Prints at most `lines` lines, none longer than `columns`. `sample` is what is to be seen, aggregated and sorted; NULL: nothing was told yet.
// Returns how many rows fit, so that the caller can page.
size_t top_view_print(FILE *out, const struct top_view *view, const struct top_sample *sample,
                      const struct top_row *total);
