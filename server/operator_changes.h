#pragma once
// Changes of running sandboxes that operators asked for through the database (store/change.h): done one after the other, each answered there.

struct operator_changes;
struct server;

// NULL when memory is out.
struct operator_changes *operator_changes_new(struct server *server);
void operator_changes_free(struct operator_changes *changes);
// There may be one.
void operator_changes_look(struct operator_changes *changes);
