// What sandboxctl top makes of two answers of a node, and how it puts that on screens of all sizes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/top_sample.h"
#include "ctl/top_view.h"
#include "lib/cleanup.h"

#define ADA "00000000-0000-7000-8000-00000000000a"
#define BOB "00000000-0000-7000-8000-00000000000b"
#define ID(digit) "00000000-0000-7000-9000-00000000000" digit

static struct top_sample sample_of(const char *at_us, const char *load_at_us, const char *rows)
{
    char text[8192];
    struct top_sample sample;
    snprintf(
        text, sizeof(text),
        "{\"node\": \"n\", \"version\": \"1\", \"sandboxd\": true, \"ready\": true, \"draining\": false, "
        "\"maximum\": 32, \"at_us\": %s, \"load_at_us\": %s, \"pool\": {\"memory_mb\": 10, \"held_mb\": 5, "
        "\"desktop\": {\"wanted\": 2, \"ready\": 1, \"building\": 1, \"losses\": 0}}, "
        "\"programs\": [{\"name\": \"sandboxd\", \"processes\": 2, \"resident_bytes\": 4194304}], "
        "\"sandboxes\": [%s]}",
        at_us, load_at_us, rows);
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    assert_int_equal(top_sample_read(document, &sample), 0);
    json_decref(document);
    return sample;
}

#define ROW(id, account, cpu, memory, updates, bytes, inputs, input_us)                                      \
    "{\"id\": \"" id "\", \"account\": \"" account "\", \"state\": \"running\", \"created_us\": 1000, "      \
    "\"load\": {\"cpu_us\": " cpu ", \"memory_bytes\": " memory ", \"tasks\": 4}, "                          \
    "\"traffic\": {\"viewers\": 1, \"updates\": " updates ", \"to_browsers_bytes\": " bytes                  \
    ", \"inputs\": " inputs ", \"input_us\": " input_us "}}"

static void test_rates(void **state)
{
    (void)state;
    CLEANUP(top_sample_finish)
    struct top_sample before =
        sample_of("1000000", "1000000",
                  ROW(ID("1"), ADA, "500000", "1048576", "10", "1000", "5",
                      "50000") "," ROW(ID("2"), BOB, "900000", "null", "10", "1000", "0", "0"));
    CLEANUP(top_sample_finish)
    struct top_sample now =
        sample_of("3000000", "2000000",
                  ROW(ID("1"), ADA, "750000", "2097152", "70", "251000", "9",
                      "90000") "," ROW(ID("2"), BOB, "800000", "null", "4", "0", "0",
                                       "0") "," ROW(ID("3"), BOB, "1", "1", "1", "1", "1", "1"));
    top_sample_rates(&now, &before);
    const struct top_row *row = now.rows;
    // 250 ms of processor in 1 s, 60 frames and 250 kB in 2 s, 4 inputs in 40 ms.
    assert_float_equal((float)row[0].cpu_percent, 25, 0.001f);
    assert_float_equal((float)row[0].frames, 30, 0.001f);
    assert_float_equal((float)row[0].kbit, 1000, 0.001f);
    assert_float_equal((float)row[0].latency_ms, 10, 0.001f);
    // Numbers that fell belong to another process; one that is new has no past.
    for (int i = 1; i < 3; i++) {
        assert_true(row[i].cpu_percent < 0 && row[i].frames < 0 && row[i].kbit < 0 && row[i].latency_ms < 0);
    }
    assert_int_equal(row[1].memory_bytes, -1);
    struct top_row total = top_sample_total(&now);
    assert_int_equal(total.count, 3);
    assert_int_equal(total.memory_bytes, 2097153);
    assert_float_equal((float)total.cpu_percent, 25, 0.001f);

    top_sample_by_owner(&now);
    assert_int_equal(now.row_count, 2);
    assert_int_equal(now.rows[1].count, 2);
    assert_int_equal(now.rows[1].viewers, 2);
}

static void test_order(void **state)
{
    (void)state;
    CLEANUP(top_sample_finish)
    struct top_sample sample = sample_of(
        "1", "1",
        ROW(ID("2"), ADA, "0", "5", "0", "0", "0", "0") "," ROW(
            ID("1"), BOB, "0", "5", "0", "0", "0", "0") "," ROW(ID("3"), ADA, "0", "9", "0", "0", "0", "0"));
    top_sample_sort(&sample, TOP_BY_MEMORY, false);
    assert_int_equal(sample.rows[0].id.bytes[15], 3);
    assert_int_equal(sample.rows[1].id.bytes[15], 1); // equal ones by id
    top_sample_sort(&sample, TOP_BY_MEMORY, true);
    assert_int_equal(sample.rows[0].id.bytes[15], 1);
    assert_int_equal(sample.rows[2].id.bytes[15], 3);
    top_sample_sort(&sample, TOP_BY_OWNER, false);
    assert_int_equal(sample.rows[2].id.bytes[15], 1);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "[]",
        "{}",
        "{\"at_us\": 1, \"load_at_us\": 1}",
        "{\"at_us\": -1, \"load_at_us\": 1, \"sandboxes\": []}",
        "{\"at_us\": 1, \"load_at_us\": 1, \"sandboxes\": [{}]}",
        "{\"at_us\": 1, \"load_at_us\": 1, \"sandboxes\": [{\"id\": \"x\", \"account\": \"" ADA "\"}]}"};
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct top_sample sample;
        json_t *document = json_loads(documents[i], 0, NULL);
        assert_non_null(document);
        assert_int_equal(top_sample_read(document, &sample), -EPROTO);
        json_decref(document);
    }
}

// The longest line without its escapes, and how many there are.
static void measure(const char *text, unsigned *ret_lines, size_t *ret_longest)
{
    size_t length = 0;
    *ret_lines = 1;
    *ret_longest = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '\033') {
            at += strcspn(at, "HJKmhl"); // ends a sequence
            if (*at == 'H' && at[-1] == '1')
                length = 0; // the last line is gone to
            continue;
        }
        *ret_lines += *at == '\n';
        length = *at == '\n' || *at == '\r' ? 0 : length + 1;
        if (length > *ret_longest)
            *ret_longest = length;
    }
}

static void test_it_fits(void **state)
{
    (void)state;
    char rows[8192] = "";
    size_t used = 0;
    for (char digit = '0'; digit <= '9'; digit++)
        used += (size_t)snprintf(rows + used, sizeof(rows) - used,
                                 "%s" ROW(ID("%c"), ADA, "1", "1", "1", "1", "1", "1"),
                                 digit > '0' ? "," : "", digit);
    CLEANUP(top_sample_finish) struct top_sample sample = sample_of("1", "1", rows);
    struct top_row total = top_sample_total(&sample);
    for (unsigned lines = 1; lines < 30; lines++) {
        for (unsigned columns = 1; columns < 150; columns += 7) {
            struct top_view view = {.columns = columns,
                                    .lines = lines,
                                    .terminal = true,
                                    .clock = "",
                                    .problem = columns % 2 ? "lost" : NULL};
            AUTO_FREE char *text = NULL;
            size_t length, longest;
            unsigned printed;
            FILE *out = open_memstream(&text, &length);
            top_view_print(out, &view, lines % 3 ? &sample : NULL, &total);
            fclose(out);
            measure(text, &printed, &longest);
            assert_true(printed <= lines);
            assert_true(longest < columns || columns == 1);
        }
    }
}

static void test_nothing_controls_the_terminal(void **state)
{
    (void)state;
    json_t *document = json_loads(
        "{\"node\": \"\\u001b[2Jx\", \"version\": \"\\u009b1m\\n\", \"at_us\": 1, \"load_at_us\": 1, "
        "\"pool\": {\"\\u001b]0;x\\u0007\": {\"wanted\": 1}}, \"programs\": [{\"name\": \"\\r\\n\"}], "
        "\"sandboxes\": [{\"id\": \"" ID("1") "\", \"account\": \"" ADA "\", \"state\": "
                                              "\"\\u001bc\", \"traffic\": {\"viewers\": 0}}]}",
        0, NULL);
    struct top_sample sample;
    assert_non_null(document);
    assert_int_equal(top_sample_read(document, &sample), 0);
    json_decref(document);
    struct top_view view = {.columns = 500, .clock = ""};
    AUTO_FREE char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    struct top_row total = top_sample_total(&sample);
    top_view_print(out, &view, &sample, &total);
    fclose(out);
    top_sample_finish(&sample);
    for (size_t i = 0; i < length; i++)
        assert_true(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_it_fits),
        cmocka_unit_test(test_nothing_controls_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
