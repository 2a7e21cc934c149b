// Archives that nobody of ours wrote, and homes that change under the reader.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup/archive_members.h"
#include "backup/archive_read.h"
#include "backup/archive_write.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER "01890a5d-ac96-774b-bcce-b302099a8058"
#define HOME "homes/" ID

static struct extract extract;
static char manifest[MANIFEST_MAX], place[64];
static struct backup_contents contents;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static int set_up(void **state)
{
    (void)state;
    memcpy(place, "/tmp/backup-homes-XXXXXX", 25);
    return mkdtemp(place) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(place, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

struct member {
    const char *name;
    mode_t type;
    const char *link; // of a symbolic one; with AE_IFREG of a hard one
};

static int write_archive(const struct member *members)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    struct archive *archive = archive_write_new();
    archive_write_set_format_pax(archive);
    archive_write_set_format_option(archive, "pax", "hdrcharset", "BINARY");
    assert_int_equal(archive_write_open_fd(archive, fd), ARCHIVE_OK);
    for (; members->name; members++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_copy_pathname(entry, members->name);
        archive_entry_set_filetype(entry, members->type);
        archive_entry_set_perm(entry, 0755);
        archive_entry_set_uid(entry, 1);
        if (members->link && members->type == AE_IFREG)
            archive_entry_copy_hardlink(entry, members->link);
        else if (members->link)
            archive_entry_copy_symlink(entry, members->link);
        else if (members->type == AE_IFREG)
            archive_entry_set_size(entry, 2);
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        if (members->type == AE_IFREG && !members->link)
            archive_write_data(archive, "{}", 2);
        archive_entry_free(entry);
    }
    assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
    assert_true(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static int take(const struct member *members)
{
    int fd = write_archive(members);
    memset(&extract, 0, sizeof(extract));
    extract.staging = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = archive_members_read(fd, &extract, -1, manifest);
    while (extract.depth > 0) { // as the end of the child would
        if (extract.levels[--extract.depth].fd >= 0)
            close(extract.levels[extract.depth].fd);
    }
    close(extract.staging);
    close(fd);
    return error;
}

#define BEGINNING                                                                                            \
    {"manifest.json", AE_IFREG, NULL},                                                                       \
    {                                                                                                        \
        "database.dump", AE_IFREG, NULL                                                                      \
    }
#define END                                                                                                  \
    {                                                                                                        \
        NULL, 0, NULL                                                                                        \
    }
#define assert_refused(...)                                                                                  \
    do {                                                                                                     \
        const struct member members_[] = {__VA_ARGS__, END};                                                 \
        tear_down(NULL);                                                                                     \
        set_up(NULL);                                                                                        \
        assert_int_not_equal(take(members_), 0);                                                             \
    } while (0)

static void test_hostile_archives(void **state)
{
    (void)state;
    const struct member good[] = {BEGINNING,
                                  {HOME, AE_IFDIR, NULL},
                                  {HOME "/d", AE_IFDIR, NULL},
                                  {HOME "/d/f", AE_IFREG, NULL},
                                  {HOME "/l", AE_IFLNK, "/etc"},
                                  {HOME "/g", AE_IFREG, HOME "/d/f"},
                                  END};
    assert_int_equal(take(good), 0);
    assert_refused({"database.dump", AE_IFREG, NULL});
    assert_refused({"manifest.json", AE_IFREG, NULL}, {HOME, AE_IFDIR, NULL});
    assert_refused(BEGINNING, {"/etc/passwd", AE_IFREG, NULL});
    assert_refused(BEGINNING, {"homes/../x", AE_IFREG, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFREG, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFLNK, "/etc"});
    assert_refused(BEGINNING, {HOME "/f", AE_IFREG, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME, AE_IFDIR, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/../../x", AE_IFREG, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {"homes/" OTHER "/x", AE_IFREG, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/d/x", AE_IFREG, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/l", AE_IFLNK, "/etc"},
                   {HOME "/l/x", AE_IFREG, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/l", AE_IFLNK, "/etc"},
                   {HOME "/l", AE_IFREG, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/l", AE_IFLNK, "/etc"},
                   {HOME "/l", AE_IFDIR, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/h", AE_IFREG, "/etc/passwd"});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/h", AE_IFREG, "homes/" OTHER "/x"});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/h", AE_IFREG, HOME});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/l", AE_IFLNK, "/etc"},
                   {HOME "/h", AE_IFREG, HOME "/l/passwd"});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/p", AE_IFIFO, NULL});
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/b", AE_IFBLK, NULL});
}

static char told[1024];

static void tell(const struct id *home, const char *below, const char *attribute, int error)
{
    (void)home;
    size_t length = strlen(told);
    snprintf(told + length, sizeof(told) - length, "%s %s %d;", below, attribute ? attribute : "-", -error);
}

// A file system whose names are shorter: what is below such a directory goes with it, and so do the links to it.
static void test_names_too_long(void **state)
{
    (void)state;
    const struct member members[] = {BEGINNING,
                                     {HOME, AE_IFDIR, NULL},
                                     {HOME "/first-file", AE_IFREG, NULL},
                                     {HOME "/long-long", AE_IFDIR, NULL},
                                     {HOME "/long-long/d", AE_IFDIR, NULL},
                                     {HOME "/long-long/d/f", AE_IFREG, NULL},
                                     {HOME "/long-longer", AE_IFLNK, "/etc"},
                                     {HOME "/l", AE_IFREG, HOME "/first-file"},
                                     {HOME "/last", AE_IFREG, NULL},
                                     {"homes/" OTHER, AE_IFDIR, NULL},
                                     {"homes/" OTHER "/f", AE_IFREG, NULL},
                                     END};
    int fd = write_archive(members);
    char path[200];
    memset(&extract, 0, sizeof(extract));
    extract.staging = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    extract.name_max = 8;
    extract.tell_left = tell;
    assert_int_equal(archive_members_read(fd, &extract, -1, manifest), 0);
    close(extract.staging);
    close(fd);
    snprintf(path, sizeof(path), "first-file - %d;long-long - %d;long-longer - %d;l - %d;", ENAMETOOLONG,
             ENAMETOOLONG, ENAMETOOLONG, EMLINK);
    assert_string_equal(told, path);
    assert_int_equal(extract.left, 6); // the two below the directory as well
    snprintf(path, sizeof(path), "%s/" ID "/last", place);
    assert_int_equal(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "%s/" OTHER "/f", place);
    assert_int_equal(access(path, F_OK), 0);

    // Where nothing was left out, a link to what is not there is no archive of ours.
    assert_refused(BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/l", AE_IFREG, HOME "/nothing"});
}

// A file system whose files are smaller: nothing of such a file stays, least of all one that is not its owner's.
static void test_file_too_large(void **state)
{
    (void)state;
    const struct member members[] = {
        BEGINNING, {HOME, AE_IFDIR, NULL}, {HOME "/f", AE_IFREG, NULL}, {HOME "/d", AE_IFDIR, NULL}, END};
    int fd = write_archive(members);
    char path[200];
    struct rlimit before, small;
    memset(&extract, 0, sizeof(extract));
    told[0] = '\0';
    extract.staging = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    extract.tell_left = tell;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int error = archive_members_read(fd, &extract, -1, manifest);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    close(extract.staging);
    close(fd);
    assert_int_equal(error, 0);
    snprintf(path, sizeof(path), "f - %d;", EFBIG);
    assert_string_equal(told, path);
    assert_int_equal(extract.left, 1);
    snprintf(path, sizeof(path), "%s/" ID "/d", place);
    assert_int_equal(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "%s/" ID "/f", place);
    assert_int_equal(access(path, F_OK), -1);
}

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

// Swaps a directory of the home for a link out of it, and a file for a pipe, without end.
static pid_t start_swapping(const char *home)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || chdir(home) < 0)
        _exit(1);
    for (;;) {
        (void)renameat2(AT_FDCWD, "inner", AT_FDCWD, "link", RENAME_EXCHANGE);
        (void)renameat2(AT_FDCWD, "file", AT_FDCWD, "pipe", RENAME_EXCHANGE);
    }
}

static void test_races(void **state)
{
    (void)state;
    char storage[80], home[160], path[240];
    struct backup_key key;
    struct backup_account account = {.number = 1};
    assert_int_equal(id_parse(ID, &account.id), 0);
    assert_int_equal(
        backup_key_parse(&key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"), 0);
    snprintf(storage, sizeof(storage), "%s/storage", place);
    snprintf(home, sizeof(home), "%s/" ID, storage);
    snprintf(path, sizeof(path), "%s/outside", place);
    assert_true(mkdir(storage, 0700) == 0 && mkdir(home, 0700) == 0 && mkdir(path, 0700) == 0);
    snprintf(path, sizeof(path), "%s/outside/secret", place);
    put_file(path, "of the host");
    snprintf(path, sizeof(path), "%s/inner", home);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/link", home);
    assert_int_equal(symlink("../../outside", path), 0);
    snprintf(path, sizeof(path), "%s/file", home);
    put_file(path, "inside");
    snprintf(path, sizeof(path), "%s/pipe", home);
    assert_int_equal(mkfifo(path, 0600), 0);

    pid_t swapper = start_swapping(home);
    int dump = memfd_create("dump", MFD_CLOEXEC);
    for (int round = 0; round < 40; round++) {
        int out = memfd_create("out", MFD_CLOEXEC);
        struct homes_count count;
        struct backup_job job = {.out = out,
                                 .key = &key,
                                 .manifest = "{}",
                                 .dump = dump,
                                 .storage = storage,
                                 .accounts = &account,
                                 .account_count = 1};
        assert_int_equal(backup_write(&job, &count), 0);
        assert_int_equal(count.bytes % strlen("inside"), 0); // the host's file is of another length
        struct backup_reading reading = {.in = out, .key = &key, .dump = -1};
        assert_true(lseek(out, 0, SEEK_SET) == 0);
        assert_int_equal(backup_read(&reading, &contents), 0);
        close(out);
    }
    kill(swapper, SIGKILL);
    waitpid(swapper, NULL, 0);
    close(dump);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hostile_archives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_races, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
