#pragma once
// A template's policy as it stands in answers, in the row and in a notice (docs/openapi.yaml, Policy).

#include <jansson.h>

#include "lib/policy.h"

#define POLICY_TEXT_MAX 512 // bytes

// NULL when memory is out.
json_t *policy_json(const struct policy *policy);
// As text for a row. False when memory is out.
bool policy_text(const struct policy *policy, char ret_text[static POLICY_TEXT_MAX + 1]);
// Of a row. One that was made before there were policies has the one of "desktop"; so has one that can't be read, but without sharing.
struct policy policy_read(const char *text, const struct config *config);
