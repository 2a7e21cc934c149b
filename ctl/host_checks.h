#pragma once
// What doctor asks of the host beneath a root directory ("/" for itself): kernel settings, and who may reach the ports.

#include <stddef.h>
#include <stdint.h>

#include "ctl/doctor.h"

#define HOST_FINDINGS_MAX 32

struct host_finding {
    enum verdict verdict;
    char name[64];
    char detail[512]; // what it is, and the command that mends it
};

// One that nobody but this host and its proxy should reach.
struct host_port {
    uint16_t number; // 0: none
    const char *name;
    const char *mend; // what makes it listen on the loopback address alone
};

struct host_question {
    int root;           // a directory
    uint64_t sandboxes; // that may run at once
    struct host_port ports[3];
};

// One finding for each setting and for the ports. Returns how many.
size_t host_checks(const struct host_question *question,
                   struct host_finding findings[static HOST_FINDINGS_MAX]);

// The rights that a file must not give: a finding when it gives one, or when it belongs to another than root and the caller's uid or `owner`
// (-1: whoever). An absent file is VERDICT_WEAK; `maker` is the command that makes it.
void host_check_mode(const char *path, unsigned forbidden, int64_t owner, const char *maker,
                     struct host_finding *ret_finding);
