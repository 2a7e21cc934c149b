#pragma once
// Files that were met by one name and may be met by another.

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define HARD_LINKS_BYTES_MAX (64u << 20) // of names that are remembered for one home

struct hard_links {
    void *tree;
    size_t bytes;
};

// The name by which the file was met, or NULL for the first time: then `path` is remembered. -ENOSPC when that would be too much.
int hard_links_find(struct hard_links *links, const struct stat *status, const char *path,
                    const char **ret_first);
void hard_links_finish(struct hard_links *links);
