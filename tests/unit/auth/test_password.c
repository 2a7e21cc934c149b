#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auth/password.h"
#include "lib/limits.h"

static const char password[] = "correct horse battery";

static int64_t processor_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void test_only_the_password_verifies(void **state)
{
    (void)state;
    struct password_hash hash;
    struct password_hash again;
    assert_int_equal(password_hash(password, strlen(password), &hash), 0);
    assert_int_equal(password_hash(password, strlen(password), &again), 0);
    assert_string_not_equal(hash.text, again.text);
    assert_int_equal(password_verify(&hash, password, strlen(password)), 0);
    assert_int_equal(password_verify(&hash, password, strlen(password) - 1), -EACCES);
    assert_int_equal(password_verify(&hash, "", 0), -EACCES);
    assert_int_equal(password_verify(NULL, password, strlen(password)), -EACCES);
}

// Processor time, not wall clock: other tests run beside this one.
static void test_an_unknown_user_costs_as_much(void **state)
{
    (void)state;
    struct password_hash hash;
    assert_int_equal(password_hash(password, strlen(password), &hash), 0);
    int64_t start = processor_us();
    assert_int_equal(password_verify(&hash, "wrong password", 14), -EACCES);
    int64_t known = processor_us() - start;
    start = processor_us();
    assert_int_equal(password_verify(NULL, "wrong password", 14), -EACCES);
    int64_t unknown = processor_us() - start;
    assert_true(unknown > known / 2 && unknown < known * 2);
}

static void test_lengths(void **state)
{
    (void)state;
    char text[PASSWORD_MAX + 1];
    memset(text, 'x', sizeof(text));
    struct password_hash hash;
    assert_int_equal(password_check(text, PASSWORD_MIN - 1), -ERANGE);
    assert_int_equal(password_check(text, PASSWORD_MIN), 0);
    assert_int_equal(password_check(text, PASSWORD_MAX), 0);
    assert_int_equal(password_check(text, PASSWORD_MAX + 1), -ERANGE);
    assert_int_equal(password_hash(text, PASSWORD_MAX + 1, &hash), -ERANGE);
    assert_int_equal(password_hash(text, PASSWORD_MAX, &hash), 0);
    assert_int_equal(password_verify(&hash, text, PASSWORD_MAX), 0);
    assert_int_equal(password_verify(&hash, text, PASSWORD_MAX + 1), -EACCES);
    text[3] = '\0';
    assert_int_equal(password_check(text, PASSWORD_MIN), -EILSEQ);
}

static void test_a_damaged_hash_verifies_nothing(void **state)
{
    (void)state;
    static const struct password_hash damaged[] = {
        {"$argon2id$v=19$m=65536,t=2,p=1$bm9ib2R5JXMgcGFzc3dvcg$NpZHlgN0CjcbG7tyqbQ5F7cHzZuBG1h5A6mRD0GkWb"},
        {"$argon2id$v=19$m=9999999,t=2,p=1$bm9ib2R5JXMgcGFzc3dvcg$"
         "NpZHlgN0CjcbG7tyqbQ5F7cHzZuBG1h5A6mRD0GkWbA"},
        {"$argon2id$v=19$m=65536,t=2,p=1$bm9ib2R5JXMgcGFzc3dvcg$"
         "NpZHlgN0CjcbG7tyqbQ5F7cHzZuBG1h5A6mRD0GkWbA="},
        {""},
        {"x"},
        {"$argon2id$"},
        {"$argon2i$v=19$m=65536,t=2,p=1$AAAA$AAAA"}};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++)
        assert_int_equal(password_verify(&damaged[i], password, strlen(password)), -EACCES);
}

// In a child of its own: the limit can't be lifted again everywhere.
static void test_want_of_memory_is_no_wrong_password(void **state)
{
    (void)state;
    struct password_hash hash;
    assert_int_equal(password_hash(password, strlen(password), &hash), 0);
    pid_t pid = fork();
    if (pid == 0) {
        unsigned long pages = 0;
        FILE *sizes = fopen("/proc/self/statm", "re");
        if (!sizes || fscanf(sizes, "%lu", &pages) != 1)
            _exit(2);
        rlim_t most = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (32u << 20);
        setrlimit(RLIMIT_AS, &(struct rlimit){most, most});
        _exit(password_verify(&hash, password, strlen(password)) == -ENOMEM ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_password_verifies),
        cmocka_unit_test(test_an_unknown_user_costs_as_much),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_a_damaged_hash_verifies_nothing),
        cmocka_unit_test(test_want_of_memory_is_no_wrong_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
