#pragma once
// The heads that are passed on: without what belongs to one connection alone.

#include "egress/head.h"
#include "lib/egress_rule.h"

struct text {
    char *data; // NULL: none
    size_t start, end;
};

// Wipes it: it may hold an injected header.
void text_free(struct text *text);

// The request in origin form, with `injected` (or NULL) in the place of any header of its name. The connection to the
// destination is for this request alone. -ENOMEM.
int forward_request(const struct head *head, const struct request *request,
                    const struct egress_header *injected, struct text *ret_text);
// `keep`: the client's connection goes on after it. -ENOMEM.
int forward_response(const struct head *head, const struct response *response, bool keep,
                     struct text *ret_text);
