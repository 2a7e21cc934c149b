#pragma once
// The status line and headers of an answer.

#include <libwebsockets.h>

#include "lib/config.h"
#include "server/exchange.h"

#define HTTP_HEAD_BODY_MAX 16384 // a body up to this goes out in one write with its head

// LWS_PRE bytes of room, the head and, when wanted and small, the body. The caller frees it. 0 or -ENOMEM.
int http_head_new(const struct exchange *exchange, bool with_body, unsigned char **ret_head,
                  size_t *ret_length);

// The headers that every answer carries, for the answers that libwebsockets makes by itself (a request that it can't parse).
const struct lws_protocol_vhost_options *http_head_security(const struct config *config);
