#include "backup/hard_links.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct known_file {
    ino_t inode; // of one file system: mounts are not crossed
    char path[];
};

static int compare(const void *a, const void *b)
{
    const struct known_file *left = a, *right = b;
    return (left->inode > right->inode) - (left->inode < right->inode);
}

int hard_links_find(struct hard_links *links, const struct stat *status, const char *path,
                    const char **ret_first)
{
    size_t size = sizeof(struct known_file) + strlen(path) + 1;
    struct known_file *entry = malloc(size);
    if (!entry)
        return -ENOMEM;
    entry->inode = status->st_ino;
    memcpy(entry->path, path, strlen(path) + 1);
    struct known_file *const *found = tfind(entry, &links->tree, compare);
    if (found) {
        free(entry);
        *ret_first = (*found)->path;
        return 0;
    }
    // The tree's node costs about as much as a short name.
    bool full = links->bytes + size + 64 > HARD_LINKS_BYTES_MAX;
    if (full || !tsearch(entry, &links->tree, compare)) {
        free(entry);
        return full ? -ENOSPC : -ENOMEM;
    }
    links->bytes += size + 64;
    *ret_first = NULL;
    return 0;
}

void hard_links_finish(struct hard_links *links)
{
    tdestroy(links->tree, free);
    *links = (struct hard_links){0};
}
