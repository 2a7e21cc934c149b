#pragma once
// The classes of attacks that have led out of sandboxes, and the doors that each of them needs.

#include <stdbool.h>
#include <stddef.h>

#define CLASS_DOORS_MAX 32

struct attack_class {
    const char *name;
    bool rare; // kernels without it are common: nothing may be open outside either
    const char *doors[CLASS_DOORS_MAX];
};

extern const struct attack_class attack_classes[];
extern const size_t attack_class_count;
