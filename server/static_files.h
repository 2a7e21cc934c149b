#pragma once
// The built web client, read into memory once at start.

#include <stdbool.h>
#include <stddef.h>

#define STATIC_ETAG_SIZE 36

struct static_file {
    char *path; // "/assets/app.js"
    const char *content_type;
    const char *cache_control;
    char etag[STATIC_ETAG_SIZE];
    char *bytes;
    size_t length;
    char *gzip; // NULL: none beside it
    size_t gzip_length;
};

struct static_files;

#define STATIC_WRONG_MAX 320

// Reads the directory. -errno with the reason as a line for the operator: a symlink, another kind of file, or a limit of server/limits.h.
int static_files_load(const char *directory, struct static_files **ret_files,
                      char wrong[static STATIC_WRONG_MAX]);
void static_files_free(struct static_files *files);
// NULL when there is none. The client's own addresses (/, /sign-in, /sandboxes/<id>) give /index.html.
const struct static_file *static_files_find(const struct static_files *files, const char *path);
