#include "ctl/top_sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

#define SECOND_US 1000000.0

// Texts of the node come to a terminal: nothing in them may control it.
static void copy_text(const char *from, char *to, size_t size)
{
    size_t length = 0;
    for (; from && from[length] && length < size - 1; length++)
        to[length] = from[length] >= ' ' && from[length] <= '~' ? from[length] : '?';
    to[length] = '\0';
}

static int64_t number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value) : -1;
}

static int read_row(const json_t *object, struct top_row *row)
{
    const json_t *load = json_object_get(object, "load"), *traffic = json_object_get(object, "traffic");
    const char *id = json_string_value(json_object_get(object, "id"));
    const char *account = json_string_value(json_object_get(object, "account"));
    *row = (struct top_row){.count = 1,
                            .created_us = number_of(object, "created_us"),
                            .memory_bytes = number_of(load, "memory_bytes"),
                            .tasks = number_of(load, "tasks"),
                            .viewers = number_of(traffic, "viewers"),
                            .cpu_percent = TOP_UNKNOWN,
                            .frames = TOP_UNKNOWN,
                            .kbit = TOP_UNKNOWN,
                            .latency_ms = TOP_UNKNOWN,
                            .cpu_us = number_of(load, "cpu_us"),
                            .updates = number_of(traffic, "updates"),
                            .bytes = number_of(traffic, "to_browsers_bytes"),
                            .inputs = number_of(traffic, "inputs"),
                            .input_us = number_of(traffic, "input_us")};
    if (!id || !account || id_parse(id, &row->id) || id_parse(account, &row->account) || row->viewers < 0)
        return -EPROTO;
    copy_text(account, row->owner, sizeof(row->owner));
    copy_text(json_string_value(json_object_get(object, "state")), row->state, sizeof(row->state));
    return 0;
}

static int read_rows(const json_t *array, struct top_sample *sample)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count > SANDBOX_MAX_TOTAL)
        return -EPROTO;
    sample->rows = calloc(count + 1, sizeof(*sample->rows));
    if (!sample->rows)
        return -ENOMEM;
    int error = 0;
    for (size_t i = 0; i < count && !error; i++)
        error = read_row(json_array_get(array, i), &sample->rows[sample->row_count++]);
    return error;
}

static void read_pools(const json_t *object, struct top_sample *sample)
{
    const char *name;
    json_t *pool;
    sample->pool_memory_mb = number_of(object, "memory_mb");
    sample->pool_held_mb = number_of(object, "held_mb");
    json_object_foreach((json_t *)object, name, pool)
    {
        if (!json_is_object(pool) || sample->pool_count == TOP_POOLS_MAX)
            continue;
        struct top_pool *row = &sample->pools[sample->pool_count++];
        copy_text(name, row->name, sizeof(row->name));
        row->wanted = number_of(pool, "wanted");
        row->ready = number_of(pool, "ready");
        row->building = number_of(pool, "building");
    }
}

static void read_programs(const json_t *array, struct top_sample *sample)
{
    size_t i;
    const json_t *program;
    json_array_foreach(array, i, program)
    {
        if (i == TOP_PROGRAMS_MAX)
            return;
        struct top_program *row = &sample->programs[sample->program_count++];
        copy_text(json_string_value(json_object_get(program, "name")), row->name, sizeof(row->name));
        row->processes = number_of(program, "processes");
        row->resident_bytes = number_of(program, "resident_bytes");
    }
}

int top_sample_read(const json_t *document, struct top_sample *ret_sample)
{
    CLEANUP(top_sample_finish)
    struct top_sample sample = {.at_us = number_of(document, "at_us"),
                                .load_at_us = number_of(document, "load_at_us"),
                                .maximum = number_of(document, "maximum"),
                                .sandboxd = json_is_true(json_object_get(document, "sandboxd")),
                                .ready = json_is_true(json_object_get(document, "ready")),
                                .draining = json_is_true(json_object_get(document, "draining"))};
    if (sample.at_us < 0 || sample.load_at_us < 0)
        return -EPROTO;
    copy_text(json_string_value(json_object_get(document, "node")), sample.node, sizeof(sample.node));
    copy_text(json_string_value(json_object_get(document, "version")), sample.version,
              sizeof(sample.version));
    read_pools(json_object_get(document, "pool"), &sample);
    read_programs(json_object_get(document, "programs"), &sample);
    int error = read_rows(json_object_get(document, "sandboxes"), &sample);
    if (error)
        return error;
    *ret_sample = sample;
    sample.rows = NULL;
    return 0;
}

void top_sample_finish(struct top_sample *sample)
{
    free(sample->rows);
    *sample = (struct top_sample){0};
}

static const struct top_row *find(const struct top_sample *sample, const struct id *id)
{
    for (size_t i = 0; i < sample->row_count; i++) {
        if (id_equal(&sample->rows[i].id, id))
            return &sample->rows[i];
    }
    return NULL;
}

// What was counted in between; TOP_UNKNOWN when either is not known, or it was begun anew.
static double grown(int64_t now, int64_t before)
{
    return now >= 0 && before >= 0 && now >= before ? (double)(now - before) : TOP_UNKNOWN;
}

static double per(double amount, double interval)
{
    return amount >= 0 && interval > 0 ? amount / interval : TOP_UNKNOWN;
}

static void set_latency(struct top_row *row)
{
    row->latency_ms = per(row->latency_sum_ms, row->latency_count);
}

void top_sample_rates(struct top_sample *now, const struct top_sample *before)
{
    double seconds = (double)(now->at_us - before->at_us) / SECOND_US;
    double load_us = before->load_at_us > 0 ? (double)(now->load_at_us - before->load_at_us) : 0;
    for (size_t i = 0; i < now->row_count; i++) {
        struct top_row *row = &now->rows[i];
        const struct top_row *old = find(before, &row->id);
        if (!old)
            continue;
        double cpu = per(grown(row->cpu_us, old->cpu_us), load_us);
        row->cpu_percent = cpu >= 0 ? cpu * 100 : TOP_UNKNOWN;
        row->frames = per(grown(row->updates, old->updates), seconds);
        row->kbit = per(grown(row->bytes, old->bytes) * 8 / 1000, seconds);
        double inputs = grown(row->inputs, old->inputs), input_us = grown(row->input_us, old->input_us);
        if (inputs > 0 && input_us >= 0) {
            row->latency_count = inputs;
            row->latency_sum_ms = input_us / 1000;
        }
        set_latency(row);
    }
}

static void add_number(int64_t *sum, int64_t part)
{
    if (part >= 0)
        *sum = *sum < 0 ? part : *sum + part;
}

static void add_rate(double *sum, double part)
{
    if (part >= 0)
        *sum = *sum < 0 ? part : *sum + part;
}

static void add_row(struct top_row *sum, const struct top_row *row)
{
    sum->count += row->count;
    sum->viewers += row->viewers;
    add_number(&sum->memory_bytes, row->memory_bytes);
    add_number(&sum->tasks, row->tasks);
    add_rate(&sum->cpu_percent, row->cpu_percent);
    add_rate(&sum->frames, row->frames);
    add_rate(&sum->kbit, row->kbit);
    sum->latency_sum_ms += row->latency_sum_ms;
    sum->latency_count += row->latency_count;
    if (row->created_us < sum->created_us)
        sum->created_us = row->created_us;
    set_latency(sum);
}

struct top_row top_sample_total(const struct top_sample *sample)
{
    struct top_row total = {.memory_bytes = -1,
                            .tasks = -1,
                            .cpu_percent = TOP_UNKNOWN,
                            .frames = TOP_UNKNOWN,
                            .kbit = TOP_UNKNOWN,
                            .latency_ms = TOP_UNKNOWN};
    for (size_t i = 0; i < sample->row_count; i++)
        add_row(&total, &sample->rows[i]);
    return total;
}

void top_sample_by_owner(struct top_sample *sample)
{
    size_t count = 0;
    for (size_t i = 0; i < sample->row_count; i++) {
        size_t at = 0;
        while (at < count && !id_equal(&sample->rows[at].account, &sample->rows[i].account))
            at++;
        if (at < count)
            add_row(&sample->rows[at], &sample->rows[i]);
        else
            sample->rows[count++] = sample->rows[i];
    }
    sample->row_count = count;
}

static double value_of(const struct top_row *row, enum top_key key)
{
    switch (key) {
    case TOP_BY_CPU:
        return row->cpu_percent;
    case TOP_BY_MEMORY:
        return (double)row->memory_bytes;
    case TOP_BY_TASKS:
        return (double)row->tasks;
    case TOP_BY_FRAMES:
        return row->frames;
    case TOP_BY_BITRATE:
        return row->kbit;
    case TOP_BY_VIEWERS:
        return (double)row->viewers;
    case TOP_BY_LATENCY:
        return row->latency_ms;
    case TOP_BY_AGE:
        return -(double)row->created_us;
    default:
        return 0;
    }
}

struct order {
    enum top_key key;
    bool reversed;
};

static int compare(const void *left, const void *right, void *data)
{
    const struct top_row *a = left, *b = right;
    const struct order *order = data;
    double difference = value_of(b, order->key) - value_of(a, order->key);
    int result =
        order->key == TOP_BY_OWNER ? strcmp(a->owner, b->owner) : (difference > 0) - (difference < 0);
    if (order->reversed)
        result = -result;
    return result ? result : memcmp(&a->id, &b->id, sizeof(a->id));
}

void top_sample_sort(struct top_sample *sample, enum top_key key, bool reversed)
{
    struct order order = {key, reversed};
    qsort_r(sample->rows, sample->row_count, sizeof(*sample->rows), compare, &order);
}
