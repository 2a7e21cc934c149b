// Keys, sealed files, names, and which backups stay.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/key.h"
#include "backup/member.h"
#include "backup/retention.h"
#include "backup/sealed.h"

#define HOME "homes/01890a5d-ac96-774b-bcce-b302099a8057"

static struct backup_key key;
static struct sealed_writer writer;
static struct sealed_reader reader;

static int make_key(void **state)
{
    (void)state;
    return backup_key_parse(&key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
}

static int seal(size_t length)
{
    int fd = memfd_create("sealed", MFD_CLOEXEC);
    uint8_t *plain = malloc(length + 1);
    assert_true(fd >= 0 && plain);
    for (size_t i = 0; i < length; i++)
        plain[i] = (uint8_t)(i * 7 + i / 256);
    assert_int_equal(sealed_write_begin(&writer, fd, &key), 0);
    for (size_t at = 0; at < length; at += 1000)
        assert_int_equal(sealed_write(&writer, plain + at, length - at < 1000 ? length - at : 1000), 0);
    assert_int_equal(sealed_write_end(&writer), 0);
    free(plain);
    return fd;
}

// The bytes that were read, or an error.
static ssize_t unseal(int fd)
{
    const void *data;
    size_t length, total = 0;
    assert_true(lseek(fd, 0, SEEK_SET) == 0);
    int error = sealed_read_begin(&reader, fd, &key);
    if (error)
        return error;
    while ((error = sealed_read(&reader, &data, &length)) == 0 && length > 0) {
        for (size_t i = 0; i < length; i++, total++)
            assert_int_equal(((const uint8_t *)data)[i], (uint8_t)(total * 7 + total / 256));
    }
    sealed_read_finish(&reader);
    return error ? error : (ssize_t)total;
}

static void test_sealed_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        0, 1, SEALED_CHUNK - 1, SEALED_CHUNK, SEALED_CHUNK + 1, 2 * SEALED_CHUNK, 200000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int fd = seal(sizes[i]);
        assert_int_equal(unseal(fd), sizes[i]);
        close(fd);
    }
}

// Whatever is cut off: at each length of a small file, and around the chunks of a large one.
static void test_sealed_cut(void **state)
{
    (void)state;
    int fd = seal(100);
    for (off_t length = SEALED_HEADER_SIZE + 116; length >= 0; length--) {
        assert_int_equal(ftruncate(fd, length), 0);
        assert_int_equal(unseal(fd), length < (off_t)SEALED_HEADER_SIZE ? -EPROTO : -ENODATA);
    }
    close(fd);
    fd = seal(3 * SEALED_CHUNK);
    for (int chunks = 2; chunks >= 0; chunks--) {
        assert_int_equal(ftruncate(fd, (off_t)(SEALED_HEADER_SIZE + (size_t)chunks * SEALED_CHUNK_WIRE)), 0);
        assert_int_equal(unseal(fd), -ENODATA);
    }
    close(fd);
}

static void test_sealed_altered(void **state)
{
    (void)state;
    int fd = seal(100);
    for (off_t at = 0; at < (off_t)(SEALED_HEADER_SIZE + 117); at++) {
        uint8_t byte, wrong;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        wrong = byte ^ 1;
        assert_int_equal(pwrite(fd, &wrong, 1, at), 1);
        assert_true(unseal(fd) < 0);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    assert_int_equal(unseal(fd), 100);
    assert_int_equal(pwrite(fd, "x", 1, lseek(fd, 0, SEEK_END)), 1);
    assert_true(unseal(fd) < 0);
    close(fd);
    fd = seal(2 * SEALED_CHUNK); // something behind a last chunk that is full
    assert_int_equal(pwrite(fd, "x", 1, lseek(fd, 0, SEEK_END)), 1);
    assert_int_equal(unseal(fd), -EBADMSG);
    close(fd);
}

static void test_key(void **state)
{
    (void)state;
    char directory[] = "/tmp/backup-key-XXXXXX", path[64];
    struct backup_key made, again;
    struct stat status;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/key", directory);
    mode_t mask = umask(0);
    assert_int_equal(backup_key_make(path), 0);
    umask(mask);
    assert_int_equal(backup_key_make(path), -EEXIST);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(backup_key_load(&made, path), 0);
    assert_int_equal(backup_key_load(&again, path), 0);
    assert_memory_equal(&made, &again, sizeof(made));
    assert_memory_not_equal(made.bytes, key.bytes, sizeof(key.bytes));
    assert_memory_not_equal(made.id, key.id, sizeof(key.id));
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(backup_key_load(&made, path), -EPERM);
    unlink(path);
    rmdir(directory);
    assert_int_equal(backup_key_parse(&made, "00"), -EINVAL);
    assert_int_equal(backup_key_parse(&made, ""), -EINVAL);
    assert_int_equal(
        backup_key_parse(&made, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00"),
        -EINVAL);
}

static void test_members(void **state)
{
    (void)state;
    static const char *const refused[] = {"",
                                          "/",
                                          "homes",
                                          "homes/",
                                          "/" HOME,
                                          HOME "x",
                                          HOME "//",
                                          HOME "/a//b",
                                          HOME "/../x",
                                          HOME "/a/..",
                                          HOME "/.",
                                          HOME "/./a",
                                          HOME "/a/../../b",
                                          HOME "//a",
                                          "homes/../" HOME,
                                          "../" HOME,
                                          "homes/not-an-id-0000-0000-000000000000/a",
                                          "manifest.json"};
    static const struct {
        const char *name, *below;
    } taken[] = {{HOME, ""},
                 {HOME "/", ""},
                 {HOME "/a", "a"},
                 {HOME "/a/", "a"},
                 {HOME "/a/b c\n/...", "a/b c\n/..."}};
    struct id home;
    char below[MEMBER_PATH_MAX];
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (member_parse(refused[i], &home, below) != -EPROTO)
            fail_msg("%s was taken", refused[i]);
    }
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        assert_int_equal(member_parse(taken[i].name, &home, below), 0);
        assert_string_equal(below, taken[i].below);
    }
    char longest[sizeof(HOME) + MEMBER_PATH_MAX + 2] = HOME "/";
    memset(longest + sizeof(HOME), 'x', 256);
    assert_int_equal(member_parse(longest, &home, below), -EPROTO); // one name
    for (size_t i = sizeof(HOME) + 200; i < sizeof(longest) - 1; i++)
        longest[i] = (i - sizeof(HOME)) % 200 ? 'x' : '/';
    assert_int_equal(member_parse(longest, &home, below), -EPROTO); // the path
}

static void test_names(void **state)
{
    (void)state;
    char name[BACKUP_NAME_SIZE];
    int64_t time;
    backup_name(1767322800, name);
    assert_string_equal(name, "sandbox-server-20260102T030000Z.backup");
    assert_int_equal(backup_name_time(name, &time), 0);
    assert_int_equal(time, 1767322800);
    static const char *const others[] = {"",
                                         ".partial",
                                         "sandbox-server-20260102T030000Z.backup.gz",
                                         "sandbox-server-20260132T030000Z.backup",
                                         "sandbox-server-2026010T030000Z.backup",
                                         "sandbox-server-mine.backup"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(backup_name_time(others[i], &time), -EINVAL);
}

// 60 days of two backups each, out of order.
static void test_retention(void **state)
{
    (void)state;
    int64_t times[120];
    bool keep[120];
    const int64_t monday = 1767571200; // 2026-01-05
    for (int i = 0; i < 120; i++)
        times[i] = monday - (int64_t)((i * 7) % 120) * 43200 + 3600;
    retention_choose(times, 120, 7, 4, keep);
    unsigned kept = 0;
    int64_t oldest = INT64_MAX;
    for (int i = 0; i < 120; i++) {
        kept += keep[i];
        oldest = keep[i] && times[i] < oldest ? times[i] : oldest;
    }
    // Seven days, of which Monday and Sunday stand for two weeks already; the Sundays of two further ones.
    assert_int_equal(kept, 9);
    assert_int_equal(oldest, monday - 15 * 86400 + 43200 + 3600);
    retention_choose(times, 120, 0, 0, keep);
    for (int i = 0; i < 120; i++)
        assert_int_equal(keep[i], times[i] == monday + 3600);
    retention_choose(times, 0, 7, 4, keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealed_sizes),   cmocka_unit_test(test_sealed_cut),
        cmocka_unit_test(test_sealed_altered), cmocka_unit_test(test_key),
        cmocka_unit_test(test_members),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_retention),
    };
    return cmocka_run_group_tests(tests, make_key, NULL);
}
