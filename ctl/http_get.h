#pragma once
// One HTTP request to a program of this machine.

#include <stddef.h>

#define HTTP_GET_SECONDS 3
#define HTTP_GET_MAX (4u << 20) // bytes of an answer

// GET of a path. Waits HTTP_GET_SECONDS for each step. 0 with status and body (NUL-terminated, the caller frees it), or -errno: -ECONNREFUSED nobody
// listens, -ETIMEDOUT, -EPROTO no answer of HTTP/1.1 that says its length or closes, -EMSGSIZE.
int http_get(const char *host, unsigned port, const char *path, unsigned *ret_status, char **ret_body);
