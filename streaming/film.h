#pragma once
// Which of the changed macroblocks go as video: photographs that keep changing or are too dear without loss, and what lies between them.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streaming/grid.h"

// Marks CELL_CHANGED cells as CELL_VIDEO. `costs`: what each will about take without loss; `region`: what the video encoder covers now;
// `allowance`: bytes that the update may have.
void film_choose(struct grid *g, const uint16_t *costs, struct rectangle region, size_t allowance,
                 uint32_t now_ms);
// The cell is part of the film that the region shows.
bool film_plays(const struct grid *g, size_t cell, struct rectangle region, uint32_t now_ms);
