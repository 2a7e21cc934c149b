#include "server/static_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/ids.h"
#include "server/limits.h"

#define DEPTH_MAX 8
#define STATIC_PATH_MAX 256

struct static_files {
    struct static_file files[STATIC_FILES_MAX];
    size_t count;
    size_t total;
};

static const struct {
    const char *suffix;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
    {".map", "application/json"},
};

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

static const char *content_type(const char *path)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (ends_with(path, types[i].suffix))
            return types[i].type;
    }
    return "application/octet-stream";
}

struct walk {
    struct static_files *files;
    char *wrong;
    char path[STATIC_PATH_MAX]; // of the directory, from the root: "" or "/assets"
    int depth;
};

static int refuse(struct walk *walk, const char *name, const char *why, int error)
{
    snprintf(walk->wrong, STATIC_WRONG_MAX, "WEB_ROOT%.120s/%.120s: %s", walk->path, name, why);
    return error;
}

static int add_file(struct walk *walk, int directory, const char *name)
{
    struct static_files *files = walk->files;
    if (files->count == STATIC_FILES_MAX)
        return refuse(walk, name, "too many files", -EFBIG);
    struct static_file *file = &files->files[files->count];
    int error = read_file_at(directory, name, STATIC_FILE_MAX, &file->bytes, &file->length);
    if (error)
        return refuse(walk, name, strerror(-error), error);
    files->count++; // static_files_free sees it from here on
    files->total += file->length;
    if (files->total > STATIC_TOTAL_MAX)
        return refuse(walk, name, "too many bytes", -EFBIG);
    if (asprintf(&file->path, "%s/%s", walk->path, name) < 0) {
        file->path = NULL;
        return -ENOMEM;
    }
    file->content_type = content_type(name);
    // The build puts a hash of their content into the names of all assets.
    bool hashed = strncmp(file->path, "/assets/", 8) == 0;
    file->cache_control = hashed ? "public, max-age=31536000, immutable" : "no-cache";
    unsigned char hash[16];
    char text[33];
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)file->bytes, file->length, NULL, 0);
    snprintf(file->etag, sizeof(file->etag), "\"%s\"",
             sodium_bin2hex(text, sizeof(text), hash, sizeof(hash)));
    return 0;
}

static int add_directory(struct walk *walk, int fd);

static int add_entry(struct walk *walk, int directory, const char *name)
{
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return refuse(walk, name, strerror(errno), -errno);
    if (S_ISREG(status.st_mode))
        return add_file(walk, directory, name);
    if (!S_ISDIR(status.st_mode))
        return refuse(walk, name, "neither a file nor a directory; links are not followed", -ELOOP);
    size_t length = strlen(walk->path), name_length = strlen(name);
    if (walk->depth == DEPTH_MAX || length + name_length + 2 > sizeof(walk->path))
        return refuse(walk, name, "too deep", -ENAMETOOLONG);
    int fd;
    int error = open_beneath(directory, name, O_RDONLY | O_DIRECTORY, 0, &fd);
    if (error)
        return refuse(walk, name, strerror(-error), error);
    walk->path[length] = '/';
    memcpy(walk->path + length + 1, name, name_length + 1);
    walk->depth++;
    error = add_directory(walk, fd);
    walk->depth--;
    walk->path[length] = '\0';
    return error;
}

// Takes the descriptor.
static int add_directory(struct walk *walk, int fd)
{
    DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return -ENOMEM;
    }
    int error = 0;
    for (struct dirent *entry; !error && (entry = readdir(directory));) {
        if (entry->d_name[0] != '.')
            error = add_entry(walk, dirfd(directory), entry->d_name);
    }
    closedir(directory);
    return error;
}

static struct static_file *find(const struct static_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->files[i].path && strcmp(files->files[i].path, path) == 0)
            return (struct static_file *)&files->files[i];
    }
    return NULL;
}

static void free_file(struct static_file *file)
{
    free(file->path);
    free(file->bytes);
    free(file->gzip);
    *file = (struct static_file){0};
}

// app.js.gz is the compressed form of app.js beside it.
static void join_compressed(struct static_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct static_file *file = &files->files[i];
        if (!ends_with(file->path, ".gz"))
            continue;
        char plain[STATIC_PATH_MAX * 2];
        snprintf(plain, sizeof(plain), "%.*s", (int)(strlen(file->path) - 3), file->path);
        struct static_file *original = find(files, plain);
        if (!original)
            continue;
        original->gzip = steal_pointer(&file->bytes);
        original->gzip_length = file->length;
        free_file(file);
        *file = files->files[--files->count];
        files->files[files->count] = (struct static_file){0};
        i--;
    }
}

int static_files_load(const char *directory, struct static_files **ret_files,
                      char wrong[static STATIC_WRONG_MAX])
{
    struct static_files *files = calloc(1, sizeof(*files));
    if (!files)
        return -ENOMEM;
    struct walk walk = {.files = files, .wrong = wrong};
    snprintf(wrong, STATIC_WRONG_MAX, "out of memory");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 ? refuse(&walk, "", strerror(errno), -errno) : add_directory(&walk, fd);
    if (!error)
        join_compressed(files);
    if (!error && !find(files, "/index.html"))
        error = refuse(&walk, "index.html", "missing; build the web client first", -ENOENT);
    if (error) {
        static_files_free(files);
        return error;
    }
    *ret_files = files;
    return 0;
}

void static_files_free(struct static_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < files->count; i++)
        free_file(&files->files[i]);
    free(files);
}

static bool client_address(const char *path)
{
    struct id id;
    return strcmp(path, "/") == 0 || strcmp(path, "/sign-in") == 0 || strcmp(path, "/share") == 0 ||
           strcmp(path, "/recordings") == 0 ||
           (strncmp(path, "/recordings/", 12) == 0 && id_parse(path + 12, &id) == 0) ||
           (strncmp(path, "/sandboxes/", 11) == 0 && id_parse(path + 11, &id) == 0);
}

const struct static_file *static_files_find(const struct static_files *files, const char *path)
{
    return find(files, client_address(path) ? "/index.html" : path);
}
