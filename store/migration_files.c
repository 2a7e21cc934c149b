#include "store/migration_files.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "store/migration.h"

static void cleanup_directory(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

static int refuse(struct migration_files *files, int error, const char *name, const char *why)
{
    snprintf(files->problem, sizeof(files->problem), "%.64s: %s", name, why);
    return error;
}

static bool parse_name(const char *name, unsigned *ret_version)
{
    size_t digits = strspn(name, "0123456789");
    size_t letters = strspn(name + digits, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (digits != 4 || name[4] != '_' || letters < 2 || strcmp(name + digits + letters, ".sql") != 0 ||
        strlen(name) > MIGRATION_NAME_MAX)
        return false;
    *ret_version = (unsigned)strtoul(name, NULL, 10);
    return true;
}

static int load_file(int directory, struct migration_file *file)
{
    size_t length;
    int error = read_file_at(directory, file->name, MIGRATION_FILE_MAX, &file->sql, &length);
    if (error)
        return error;
    if (memchr(file->sql, '\0', length))
        return -EINVAL;
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const uint8_t *)file->sql, length);
    sodium_bin2hex(file->checksum, sizeof(file->checksum), hash, sizeof(hash));
    return 0;
}

static int append(struct migration_files *files, int directory, const char *name)
{
    struct migration_file file = {0};
    if (!parse_name(name, &file.version))
        return refuse(files, -EINVAL, name, "a migration is named NNNN_name.sql");
    struct migration_file *items = reallocarray(files->items, files->count + 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    files->items = items;
    memcpy(file.name, name, strlen(name));
    int error = load_file(directory, &file);
    if (error) {
        free(file.sql);
        return refuse(files, error, name, strerror(-error));
    }
    items[files->count++] = file;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct migration_file *left = a;
    const struct migration_file *right = b;
    return (left->version > right->version) - (left->version < right->version);
}

int migration_files_load(const char *path, struct migration_files *files)
{
    *files = (struct migration_files){0};
    CLEANUP(cleanup_directory) DIR *directory = opendir(path);
    if (!directory)
        return refuse(files, -errno, path, strerror(errno));
    const struct dirent *entry;
    while ((errno = 0, entry = readdir(directory))) {
        int error = entry->d_name[0] == '.' ? 0 : append(files, dirfd(directory), entry->d_name);
        if (error)
            return error;
    }
    if (errno)
        return refuse(files, -errno, path, strerror(errno));
    if (files->count == 0)
        return refuse(files, -EINVAL, path, "no migrations in this directory");
    qsort(files->items, files->count, sizeof(*files->items), compare);
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i].version != i + 1)
            return refuse(files, -EINVAL, files->items[i].name,
                          "numbers must follow each other from 0001 without a gap");
    }
    return 0;
}

void migration_files_finish(struct migration_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].sql);
    free(files->items);
    files->items = NULL;
    files->count = 0;
}
