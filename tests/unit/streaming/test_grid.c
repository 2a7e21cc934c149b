#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "streaming/film.h"
#include "streaming/grid.h"

static void clamping(void **state)
{
    (void)state;
    struct grid g;
    assert_int_equal(grid_init(&g, 645, 403), 0);
    assert_int_equal(g.columns, 41);
    assert_int_equal(g.rows, 26);
    struct rectangle r;
    assert_true(grid_clamp(&g, -10, -10, 30, 40, &r));
    assert_true(r.x == 0 && r.y == 0 && r.width == 20 && r.height == 30);
    assert_true(grid_clamp(&g, 600, 400, 65535, 65535, &r));
    assert_true(r.x == 600 && r.y == 400 && r.width == 45 && r.height == 3);
    assert_false(grid_clamp(&g, 645, 0, 1, 1, &r));
    assert_false(grid_clamp(&g, -5, 0, 5, 1, &r));
    assert_false(grid_clamp(&g, 5, 5, 0, 9, &r));
    assert_true(grid_clamp(&g, INT32_MIN, INT32_MIN, UINT32_MAX, UINT32_MAX, &r));
    assert_true(r.width == 645 && r.height == 403);
    grid_finish(&g);
}

static size_t rectangles_of(struct grid *g, struct rectangle *ret)
{
    size_t count = grid_rectangles(g, CELL_DAMAGED, RECTANGLES_MAX, ret);
    uint8_t *covered = calloc(g->count, 1);
    for (size_t i = 0; i < count; i++) {
        struct rectangle r = ret[i];
        assert_true(r.width > 0 && r.height > 0 && r.x + r.width <= g->width && r.y + r.height <= g->height);
        assert_true(r.x % MACROBLOCK == 0 && r.y % MACROBLOCK == 0);
        for (unsigned row = r.y / 16u; row < (r.y + r.height + 15u) / 16; row++) {
            for (unsigned column = r.x / 16u; column < (r.x + r.width + 15u) / 16; column++)
                assert_int_equal(covered[row * g->columns + column]++, 0); // no overlap
        }
    }
    for (size_t cell = 0; cell < g->count; cell++)
        assert_true(covered[cell] || !(g->cells[cell] & CELL_DAMAGED));
    free(covered);
    return count;
}

static void rectangles_are_merged(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, 640, 400);
    struct rectangle out[RECTANGLES_MAX];
    assert_int_equal(rectangles_of(&g, out), 0);
    grid_set(&g, (struct rectangle){17, 33, 1, 1}, CELL_DAMAGED);
    assert_int_equal(rectangles_of(&g, out), 1);
    assert_true(out[0].x == 16 && out[0].y == 32 && out[0].width == 16 && out[0].height == 16);
    grid_set(&g, (struct rectangle){20, 40, 100, 100}, CELL_DAMAGED);
    assert_int_equal(rectangles_of(&g, out), 1);
    assert_true(out[0].width == 112 && out[0].height == 112);
    grid_set(&g, (struct rectangle){600, 390, 40, 10}, CELL_DAMAGED);
    assert_int_equal(rectangles_of(&g, out), 2);
    grid_set_all(&g, CELL_DAMAGED);
    assert_int_equal(rectangles_of(&g, out), 1);
    assert_int_equal(rectangles_area(out, 1), 640 * 400);
    grid_finish(&g);
}

static void rectangles_stay_few(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, 7680, 4320);
    struct rectangle out[RECTANGLES_MAX];
    // A chess board is the worst map; lines and a random one beside it.
    for (unsigned step = 2; step < 40; step += 3) {
        memset(g.cells, 0, g.count);
        for (size_t cell = 0; cell < g.count; cell++) {
            size_t row = cell / g.columns, column = cell % g.columns;
            if ((row + column) % step == 0)
                g.cells[cell] = CELL_DAMAGED;
        }
        assert_in_range(rectangles_of(&g, out), 1, RECTANGLES_MAX);
    }
    uint32_t random = 1;
    for (unsigned round = 0; round < 50; round++) {
        memset(g.cells, 0, g.count);
        for (unsigned i = 0; i < round * 7 + 1; i++) {
            random = random * 1664525 + 1013904223;
            g.cells[(random >> 8) % g.count] = CELL_DAMAGED;
        }
        assert_in_range(rectangles_of(&g, out), 1, RECTANGLES_MAX);
        assert_in_range(grid_rectangles(&g, CELL_DAMAGED, 4, out), 1, 4);
    }
    grid_finish(&g);
}

static void lossy_cells_are_counted_and_chosen(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, 640, 400);
    struct rectangle all = {0, 0, 640, 400}, part = {0, 0, 160, 16};
    grid_set(&g, all, CELL_LOSSY);
    grid_set(&g, part, CELL_LOSSY);
    assert_int_equal(g.lossy, g.count);
    grid_stamp(&g, all, 5000);
    grid_stamp(&g, part, 5300);
    assert_int_equal(grid_choose_repair(&g, 4999, 100), 0);
    assert_int_equal(grid_choose_repair(&g, 5000, 100), 100);
    assert_int_equal(g.cells[0] & CELL_CHOSEN, 0); // changed later
    assert_int_equal(g.cells[10] & CELL_CHOSEN, CELL_CHOSEN);
    grid_clear(&g, all, CELL_LOSSY | CELL_CHOSEN);
    grid_clear(&g, all, CELL_LOSSY);
    assert_int_equal(g.lossy, 0);
    // The clock of 32 bits turns over.
    grid_set(&g, part, CELL_LOSSY);
    grid_stamp(&g, part, UINT32_MAX - 10);
    assert_int_equal(grid_choose_repair(&g, 200, 100), 10);
    grid_finish(&g);
}

// A film that begins within cells: those at its edges are no photographs, but change with it. What beside it changes once is no part of it.
static void edges_belong_to_the_film(void **state)
{
    (void)state;
    struct grid g;
    uint16_t costs[40 * 30] = {0};
    assert_int_equal(grid_init(&g, 640, 480), 0);
    struct rectangle film = {320, 240, 160, 96}, edge = {304, 240, 16, 96}, letter = {480, 240, 16, 16};
    for (uint32_t now = 0; now < 100; now += 33) {
        grid_stamp(&g, film, now);
        grid_stamp(&g, edge, now);
    }
    grid_set(&g, film, CELL_CHANGED | CELL_RICH);
    grid_set(&g, edge, CELL_CHANGED);
    grid_set(&g, letter, CELL_CHANGED);
    film_choose(&g, costs, (struct rectangle){0}, 1000, 120);
    assert_int_equal(grid_count(&g, film, CELL_VIDEO), 60);
    assert_int_equal(grid_count(&g, edge, CELL_VIDEO), 6);
    assert_int_equal(grid_count(&g, letter, CELL_VIDEO), 0);
    grid_finish(&g);
}

// Text beside a film goes ahead of it, unless it is too much or nothing.
static void films_are_set_aside(void **state)
{
    (void)state;
    struct grid g;
    assert_int_equal(grid_init(&g, 640, 480), 0);
    struct rectangle film = {320, 240, 320, 240}, letter = {16, 16, 16, 16}; // from cells 620 and 41 on
    grid_set(&g, film, CELL_DAMAGED | CELL_LOSSY);
    grid_set(&g, (struct rectangle){320, 240, 64, 64}, CELL_RICH);
    assert_false(grid_set_aside(&g, 64));
    grid_set(&g, letter, CELL_DAMAGED);
    assert_true(grid_set_aside(&g, 64));
    assert_false(g.cells[620] & CELL_DAMAGED);
    assert_true(g.cells[41] & CELL_DAMAGED);
    grid_clear(&g, letter, CELL_DAMAGED);
    grid_put_back(&g);
    assert_true(g.cells[620] & CELL_DAMAGED);
    assert_false(g.cells[620] & CELL_CHOSEN);
    grid_set(&g, (struct rectangle){0, 0, 320, 80}, CELL_DAMAGED); // 100 cells
    assert_false(grid_set_aside(&g, 64));
    assert_true(g.cells[620] & CELL_DAMAGED);
    grid_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clamping),
        cmocka_unit_test(rectangles_are_merged),
        cmocka_unit_test(rectangles_stay_few),
        cmocka_unit_test(lossy_cells_are_counted_and_chosen),
        cmocka_unit_test(edges_belong_to_the_film),
        cmocka_unit_test(films_are_set_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
