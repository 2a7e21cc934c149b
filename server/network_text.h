#pragma once
// A network policy as it is stored and told back: JSON without the values of headers. Made from the rules alone, so that what a person
// wished and what sandboxd says is in force are the same text when they are the same policy.

#include <jansson.h>
#include <stdbool.h>

#include "lib/egress_rule.h"
#include "store/sandbox.h"

#define NETWORK_TEXT_MAX 4096 // bytes, as compact JSON; the database's form of it is a little longer

// One rule; header_name NULL: it injects none. NULL when memory is out.
json_t *network_text_rule(const struct egress_rule *rule, const char *header_name);
// Of all rules, maybe none (no network). 0, -ENOMEM, -EMSGSIZE.
int network_text_make(json_t *rules, char text[static NETWORK_TEXT_MAX + 1]);
// Both in whatever form; false when one of them is no JSON.
bool network_text_equal(const char *one, const char *other);
