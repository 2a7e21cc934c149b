#include "lib/export_channel.h"

#include <errno.h>

int export_start_check(const struct export_start *start, size_t length, size_t fd_count)
{
    if (length != sizeof(*start) || fd_count != 2 || start->magic != EXPORT_START_MAGIC || start->reserved)
        return -EPROTO;
    return 0;
}

int export_report_check(const struct export_report *report, size_t length)
{
    if (length != sizeof(*report) || report->state < EXPORT_WORKING || report->state >= EXPORT_STATE_COUNT ||
        report->permille > 1000)
        return -EPROTO;
    return 0;
}
