#include "supervisor/backoff.h"

enum { QUICK_MS = 10000, FIRST_MS = 100, LONGEST_MS = 5000, DOUBLINGS_MAX = 6 };

int64_t backoff_next(struct backoff *backoff, int64_t lived)
{
    if (lived >= QUICK_MS)
        backoff->quick_deaths = 0;
    unsigned deaths = backoff->quick_deaths;
    if (deaths <= DOUBLINGS_MAX)
        backoff->quick_deaths++;
    if (deaths == 0)
        return 0;
    int64_t wait = (int64_t)FIRST_MS << (deaths - 1);
    return wait < LONGEST_MS ? wait : LONGEST_MS;
}
