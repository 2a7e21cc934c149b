#pragma once
// How plans are put together. What does not fit sets the plan's overflow.

#include "sandbox/plan/plan.h"

#define ADD(plan, ...) plan_add(plan, (struct operation){__VA_ARGS__})

void plan_add(struct plan *plan, struct operation operation);
void plan_add_table(struct plan *plan, const struct operation *table, size_t count);
// Appends to what is there; the array ends with NULL.
void plan_add_words(struct plan *plan, const char **words, size_t maximum, const char *const *table);
// A composed string that lives in the plan.
__attribute__((format(printf, 2, 3))) const char *plan_compose(struct plan *plan, const char *format, ...);

// Groups, uid, namespaces, ids inside.
void plan_add_identity(struct plan *plan, const struct plan_host *host, uint32_t host_uid);
// Has what of the own proc must not be seen covered, beside what follows: after the ids are mapped, as who owns a file decides. Needs
// OPERATION_MASKED.
void plan_add_masks(struct plan *plan);
// The new root becomes /.
void plan_add_root(struct plan *plan);
// No capability, limits, and no descriptor too many.
void plan_add_confinement(struct plan *plan, enum limit_profile limits);
// The last of all. Helpers confine themselves further, after their last descriptor is set up (streaming/, export/).
void plan_add_filters(struct plan *plan, const struct plan_host *host, enum profile profile);
