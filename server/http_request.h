#pragma once
// From libwebsockets' header tables to an exchange.

#include "server/http.h"

// Fills the exchange's method, path, query and headers. 0, or -1 when the request is refused: answered then.
int http_request_read(struct exchange *exchange, struct lws *wsi, const char *path, size_t path_length);

// One header's value, "" when absent. False when it is longer than the buffer.
bool http_header(struct lws *wsi, enum lws_token_indexes token, char *value, size_t size);
// The value of a query parameter as libwebsockets decoded it. False when absent, given twice, or too long.
bool http_query(struct lws *wsi, const char *name, char *value, size_t size);
// The value of one cookie in a Cookie header (RFC 6265), "" when absent; false when given twice or too long.
bool http_cookie(const char *header, const char *name, char *value, size_t size);
