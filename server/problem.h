#pragma once
// Errors as problem documents (RFC 9457).

#include <jansson.h>

enum problem {
    PROBLEM_BAD_REQUEST,
    PROBLEM_UNAUTHENTICATED,
    PROBLEM_SIGN_IN_FAILED,
    PROBLEM_FORBIDDEN_ORIGIN,
    PROBLEM_FORBIDDEN,
    PROBLEM_NOT_FOUND,
    PROBLEM_METHOD_NOT_ALLOWED,
    PROBLEM_CONFLICT,
    PROBLEM_LIMIT_REACHED,
    PROBLEM_LENGTH_REQUIRED,
    PROBLEM_TOO_LARGE,
    PROBLEM_RANGE,
    PROBLEM_WRONG_NODE,
    PROBLEM_UNPROCESSABLE,
    PROBLEM_UPGRADE_REQUIRED,
    PROBLEM_TOO_MANY_REQUESTS,
    PROBLEM_UNAVAILABLE,
    PROBLEM_DATABASE,
    PROBLEM_SANDBOXES_UNAVAILABLE,
    PROBLEM_START_FAILED,
    PROBLEM_COUNT,
};

unsigned problem_status(enum problem problem);
// The document: `detail` is a sentence for people that says what to do. NULL when memory is out; the caller's reference.
json_t *problem_document(enum problem problem, const char *detail, const char *request_id);
