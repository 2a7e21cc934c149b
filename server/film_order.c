// Which film is made next, and how much room it has.

#include "lib/limits.h"
#include "server/film.h"

bool film_under_way(const struct film *film)
{
    return film->step != FILM_STEP_WAITING && film->step != FILM_STEP_FAILED;
}

uint64_t film_room(const struct film *first, const struct film *film)
{
    uint64_t left = film->files.free;
    unsigned shares = EXPORTERS_MAX;
    for (const struct film *other = first; other; other = other->next) {
        if (other == film || !film_under_way(other) || !id_equal(&other->files.account, &film->files.account))
            continue;
        left -= other->room < left ? other->room : left;
        shares -= shares > 1;
    }
    return film->alone ? left : left / shares;
}

// How many of its account are under way; too many when it, or one of them, has to be alone.
static unsigned beside(const struct film *first, const struct film *film)
{
    unsigned count = 0;
    for (const struct film *other = first; other; other = other->next) {
        if (!film_under_way(other) || !id_equal(&other->files.account, &film->files.account))
            continue;
        count = film->alone || other->alone ? EXPORTERS_MAX : count + 1;
    }
    return count;
}

struct film *film_next(struct film *first)
{
    struct film *next = NULL;
    unsigned fewest = EXPORTERS_MAX;
    for (struct film *film = first; film; film = film->next) {
        unsigned count = film->step == FILM_STEP_WAITING ? beside(first, film) : EXPORTERS_MAX;
        if (count >= fewest)
            continue;
        next = film;
        fewest = count;
    }
    return next;
}
