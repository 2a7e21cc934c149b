#pragma once
// The files of a migrations directory; private to store/.

#include <stddef.h>

#define MIGRATION_NAME_MAX 64
#define MIGRATION_CHECKSUM_SIZE 65 // SHA-256 as hexadecimal digits, and the NUL

struct migration_file {
    unsigned version; // its place among the files is version - 1
    char name[MIGRATION_NAME_MAX + 1];
    char *sql; // owned
    char checksum[MIGRATION_CHECKSUM_SIZE];
};

struct migration_files {
    struct migration_file *items;
    size_t count;
    char problem[128]; // what is wrong with the directory, when loading failed
};

// Loads all files, in order. -EINVAL when one is not named NNNN_name.sql or a number is missing or stands
// twice; -errno of the directory or a file. `problem` is set on failure.
int migration_files_load(const char *directory, struct migration_files *files);
void migration_files_finish(struct migration_files *files);
