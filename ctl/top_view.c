#include "ctl/top_view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "lib/cleanup.h"

#define REVERSE "\033[7m"
#define BOLD "\033[1m"
#define RED "\033[31m"
#define PLAIN "\033[0m"
#define ERASE "\033[K"
#define LINE_MAX_BYTES 512
#define CELL_SIZE 24
#define BUSY_PERCENT 90 // of one processor: worth a colour

struct screen {
    FILE *out;
    const struct top_view *view;
    unsigned used; // lines
};

static const char *const key_names[TOP_KEY_COUNT] = {
    [TOP_BY_CPU] = "CPU",         [TOP_BY_MEMORY] = "memory",   [TOP_BY_TASKS] = "tasks",
    [TOP_BY_FRAMES] = "frames",   [TOP_BY_BITRATE] = "bitrate", [TOP_BY_VIEWERS] = "viewers",
    [TOP_BY_LATENCY] = "latency", [TOP_BY_AGE] = "age",         [TOP_BY_OWNER] = "owner",
};

static unsigned room(const struct screen *screen)
{
    return screen->view->lines ? screen->view->lines - screen->used : UINT32_MAX;
}

// One line, cut at the screen's width. The last column stays empty: a terminal that has written it may erase it with the rest of the line.
__attribute__((format(printf, 3, 4))) static void line(struct screen *screen, const char *style,
                                                       const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    const struct top_view *view = screen->view;
    if (room(screen) == 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    unsigned columns = view->columns > 1 ? view->columns - 1 : 1;
    size_t length = strlen(text);
    while (!view->terminal && length > 0 && text[length - 1] == ' ') // in reverse video it has a meaning
        text[--length] = '\0';
    if (view->terminal && screen->used > 0)
        fputs("\r\n", screen->out);
    bool styled = view->terminal && *style;
    fprintf(screen->out, "%s%.*s%s%s", styled ? style : "", (int)columns, text, styled ? PLAIN : "",
            view->terminal ? ERASE : "\n");
    screen->used++;
}

static void format_bytes(char cell[static CELL_SIZE], int64_t bytes)
{
    if (bytes < 0)
        snprintf(cell, CELL_SIZE, "-");
    else if (bytes < 10ll << 30)
        snprintf(cell, CELL_SIZE, "%" PRId64 "M", bytes >> 20);
    else
        snprintf(cell, CELL_SIZE, "%" PRId64 "G", bytes >> 30);
}

static void format_rate(char cell[static CELL_SIZE], double rate)
{
    if (rate < 0)
        snprintf(cell, CELL_SIZE, "-");
    else
        snprintf(cell, CELL_SIZE, rate < 100 ? "%.1f" : "%.0f", rate);
}

static void format_count(char cell[static CELL_SIZE], int64_t count)
{
    if (count < 0)
        snprintf(cell, CELL_SIZE, "-");
    else
        snprintf(cell, CELL_SIZE, "%" PRId64, count);
}

static void format_age(char cell[static CELL_SIZE], int64_t us)
{
    int64_t minutes = us > 0 ? us / 60000000 : 0;
    if (minutes < 60)
        snprintf(cell, CELL_SIZE, "%" PRId64 ":%02" PRId64, minutes, us > 0 ? us / 1000000 % 60 : 0);
    else if (minutes < 60 * 48)
        snprintf(cell, CELL_SIZE, "%" PRId64 "h%02" PRId64, minutes / 60, minutes % 60);
    else
        snprintf(cell, CELL_SIZE, "%" PRId64 "d", minutes / (60 * 24));
}

struct cells {
    char cpu[CELL_SIZE], memory[CELL_SIZE], tasks[CELL_SIZE], frames[CELL_SIZE], kbit[CELL_SIZE],
        latency[CELL_SIZE];
};

static struct cells cells_of(const struct top_row *row)
{
    struct cells cells;
    format_rate(cells.cpu, row->cpu_percent);
    format_bytes(cells.memory, row->memory_bytes);
    format_count(cells.tasks, row->tasks);
    format_rate(cells.frames, row->frames);
    format_rate(cells.kbit, row->kbit);
    format_rate(cells.latency, row->latency_ms);
    return cells;
}

static void print_pool(struct screen *screen, const struct top_sample *sample)
{
    char text[LINE_MAX_BYTES] = "";
    size_t length = 0;
    for (size_t i = 0; i < sample->pool_count && length < sizeof(text); i++) {
        const struct top_pool *pool = &sample->pools[i];
        if (pool->wanted <= 0)
            continue;
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   "%s %" PRId64 " of %" PRId64 " ready, %" PRId64 " being made   ",
                                   pool->name, pool->ready, pool->wanted, pool->building);
    }
    line(screen, "", "pool       %smemory at most %" PRId64 "M of %" PRId64 "M", text, sample->pool_held_mb,
         sample->pool_memory_mb);
}

static void print_programs(struct screen *screen, const struct top_sample *sample)
{
    char text[LINE_MAX_BYTES] = "", cell[CELL_SIZE];
    size_t length = 0;
    int64_t sum = 0;
    for (size_t i = 0; i < sample->program_count; i++)
        sum += sample->programs[i].resident_bytes > 0 ? sample->programs[i].resident_bytes : 0;
    for (size_t i = 0; i < sample->program_count && length < sizeof(text); i++) {
        const struct top_program *program = &sample->programs[i];
        format_bytes(cell, program->resident_bytes);
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   program->processes > 1 ? "   %s %s (%" PRId64 ")" : "   %s %s",
                                   program->name, cell, program->processes);
    }
    format_bytes(cell, sum);
    line(screen, "", "programs   %s%s", cell, text);
}

static const char *state_of(const struct top_sample *sample)
{
    if (!sample->sandboxd)
        return "sandboxd does not answer";
    if (!sample->ready)
        return "comparing sandboxes with the database";
    return sample->draining ? "draining" : "ready";
}

static void print_head(struct screen *screen, const struct top_sample *sample, const struct top_row *total)
{
    struct cells cells = cells_of(total);
    bool well = sample->ready && sample->sandboxd && !sample->draining;
    line(screen, well || !screen->view->colour ? BOLD : RED,
         "node %s %s, %s   %s   sandboxes %u of %" PRId64 "   viewers %" PRId64, sample->node,
         sample->version, state_of(sample), screen->view->clock, total->count, sample->maximum,
         total->viewers);
    line(screen, "", "total      CPU %s%%   memory %s   tasks %s   frames %s/s   %s kbit/s   latency %s ms",
         cells.cpu, cells.memory, cells.tasks, cells.frames, cells.kbit, cells.latency);
    print_pool(screen, sample);
    print_programs(screen, sample);
}

static void print_row(struct screen *screen, const struct top_row *row)
{
    const struct top_view *view = screen->view;
    struct cells cells = cells_of(row);
    char age[CELL_SIZE], id[ID_TEXT_SIZE];
    format_age(age, view->now_us - row->created_us);
    id_format(&row->id, id);
    if (view->by_owner)
        snprintf(id, sizeof(id), "%u", row->count);
    line(screen, view->colour && row->cpu_percent >= BUSY_PERCENT ? RED : "",
         "%-16.16s %6s %6s %5s %6s %7s %4" PRId64 " %6s %6s %-8.8s %s", row->owner, cells.cpu, cells.memory,
         cells.tasks, cells.frames, cells.kbit, row->viewers, cells.latency, age,
         view->by_owner ? "" : row->state, id);
}

// Returns how many rows there was room for. One line is left for the keys.
static size_t print_rows(struct screen *screen, const struct top_sample *sample)
{
    const struct top_view *view = screen->view;
    line(screen, REVERSE, "%-16s %6s %6s %5s %6s %7s %4s %6s %6s %-8s %-36s", "OWNER", "CPU%", "MEM", "TASKS",
         "FRM/S", "KBIT/S", "VIEW", "LAT MS", "AGE", view->by_owner ? "" : "STATE",
         view->by_owner ? "SANDBOXES" : "ID");
    size_t space = view->lines ? (room(screen) > 1 ? room(screen) - 1 : 0) : SANDBOX_MAX_TOTAL;
    for (size_t i = 0; i < space && view->first + i < sample->row_count; i++)
        print_row(screen, &sample->rows[view->first + i]);
    return space;
}

size_t top_view_print(FILE *out, const struct top_view *view, const struct top_sample *sample,
                      const struct top_row *total)
{
    struct screen screen = {out, view, 0};
    size_t space = 0;
    if (view->terminal)
        fputs("\033[H", out);
    if (view->problem)
        line(&screen, view->colour ? RED : BOLD, "%s", view->problem);
    if (sample) {
        print_head(&screen, sample, total);
        space = print_rows(&screen, sample);
    }
    if (!view->terminal)
        return space;
    size_t hidden = sample && sample->row_count > space ? sample->row_count - space : 0;
    char more[40] = "";
    if (hidden > 0)
        snprintf(more, sizeof(more), "from %zu of %zu   ", view->first + 1, sample->row_count);
    // The rest of the screen is empty, and the keys stand in its last line.
    fputs("\033[J", out);
    if (room(&screen) > 0) {
        fprintf(out, "\033[%u;1H", view->lines);
        screen.used = 0;
        line(&screen, "",
             "%sby %s%s   sort: c m p f b v l a o   r reverse   u by owner   arrows scroll   q quit", more,
             key_names[view->key], view->reversed ? ", reversed" : "");
    }
    return space;
}
