#pragma once
// Sandboxes, templates and layers as docs/openapi.yaml spells them. Each gives the caller's reference, or NULL when memory is out.

#include <jansson.h>

#include "lib/config.h"
#include "store/account.h"
#include "store/sandbox.h"

json_t *sandbox_json(const struct store_sandbox *row, unsigned viewers);
json_t *layers_json(const struct layer_report *layers);
json_t *template_json(const struct config *config, unsigned template_index, unsigned width, unsigned height);
json_t *account_json(const struct store_account *account, const struct config *config);
// NULL text for 0.
json_t *time_json(int64_t wall_us);
// What is kept ready, as sandboxd told last. NULL when memory is out.
json_t *pool_json(const struct sandboxd_pool *pool);
