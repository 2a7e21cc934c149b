#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/text.h"

static void test_words_are_found_whole(void **state)
{
    (void)state;
    static const char *const lists[] = {"io", "io cpu", "cpu io\n", "cpu\nio\nmemory", "  io  ", "cpuio io"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        assert_true(text_has_word(lists[i], " \n", "io"));
    static const char *const others[] = {"", " ", "cpuio", "iocpu", "i o", "io,cpu", "IO"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(text_has_word(others[i], " \n", "io"));
}

static void test_an_empty_word_is_in_no_list_but_between_separators(void **state)
{
    (void)state;
    assert_false(text_has_word("", "|", ""));
    assert_false(text_has_word("on|off", "|", ""));
    assert_true(text_has_word("on||off", "|", ""));
}

static void test_hexadecimal_digits(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdef", capitals[] = "0123456789ABCDEF";
    int valid = 0;
    for (int i = 0; i < 16; i++) {
        assert_int_equal(text_hex_value(digits[i]), i);
        assert_int_equal(text_hex_value(capitals[i]), i);
    }
    for (int c = -128; c < 128; c++)
        valid += text_hex_value((char)c) >= 0;
    assert_int_equal(valid, 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_found_whole),
        cmocka_unit_test(test_an_empty_word_is_in_no_list_but_between_separators),
        cmocka_unit_test(test_hexadecimal_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
