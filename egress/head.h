#pragma once
// The head of an HTTP/1.1 message (RFC 9112), strictly: CRLF line ends alone, no folded lines, no space before a colon,
// no control bytes, nothing ambiguous about the length. What is lenient in other implementations is how requests are
// smuggled past a proxy.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "egress/authority.h"
#include "egress/limits.h"
#include "egress/refusal.h"

struct slice {
    const char *text;
    size_t length;
};

struct field {
    struct slice name, value; // the value without surrounding blanks
};

// Borrows from the text that was parsed.
struct head {
    struct slice line;
    struct field fields[EGRESS_FIELDS_MAX];
    unsigned field_count;
};

enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_TO_END };

struct request {
    struct slice method;
    struct slice path; // with its query; "/" when the target had none; not for CONNECT
    struct authority authority;
    enum body_kind body;
    uint64_t length;
    bool connect;
    bool minor; // HTTP/1.1
    bool keep;  // the client wants to go on with this connection
};

struct response {
    unsigned status;
    enum body_kind body;
    uint64_t length;
};

// The length of the head, its empty line included, when it is complete; 0: not yet; -1: never, a line ends without CR.
// `scanned` (0 at first) keeps how far earlier calls have looked.
ssize_t head_end(const char *text, size_t length, size_t *scanned);

bool slice_is(struct slice slice, const char *text); // without regard to case

// `length` ends with the empty line.
enum refusal head_parse(const char *text, size_t length, struct head *ret_head);
enum refusal request_parse(const struct head *head, struct request *ret_request);
// `to_head`: it answers HEAD. False: not well-formed, or 101, which was never asked for.
bool response_parse(const struct head *head, bool to_head, struct response *ret_response);
// True for a header of this connection alone, RFC 9110 7.6.1: it is not passed on.
bool head_is_hop_by_hop(const struct head *head, const struct field *field);
