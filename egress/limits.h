#pragma once
// The maxima that sandbox-egress alone knows.

#include "lib/limits.h"

#define EGRESS_CONNECTIONS_MAX 8192u // of all sandboxes together, descriptors permitting
#define EGRESS_HEAD_MAX 16384u       // bytes of one request's or response's line and headers
#define EGRESS_FIELDS_MAX 100u       // headers of one message
#define EGRESS_TARGET_MAX 8192u      // bytes of a request's target
#define EGRESS_CANDIDATES_MAX 8u     // addresses of one name that are tried
#define EGRESS_RESOLVERS 8u          // names that are resolved at once
#define EGRESS_RESOLVERS_PER_SANDBOX 4u
#define EGRESS_ACCEPT_BATCH 16u      // connections taken from one listener before the others' turn
#define EGRESS_PUMP_BATCH (2u << 20) // bytes moved for one connection before the others' turn
#define EGRESS_PIPE_SIZE (512u << 10)
#define EGRESS_PIPES_KEPT 32u            // empty pipes kept for the next use
#define EGRESS_LINGER_BYTES (256u << 10) // read and dropped after a refusal, so that the client sees it

#define EGRESS_HEAD_MS 20000 // from a connection's start, or a request's first byte, to the end of the head
#define EGRESS_RESOLVE_MS 10000
#define EGRESS_CONNECT_MS 10000    // for one address
#define EGRESS_IDLE_MS 300000      // without a byte in either direction
#define EGRESS_KEEP_ALIVE_MS 60000 // between two requests
#define EGRESS_LINGER_MS 2000
#define EGRESS_PAUSE_MS 1000 // of a listener when the system has no descriptor or memory to spare

#define EGRESS_LOG_BURST 100u // decisions of one sandbox that are logged at once
#define EGRESS_LOG_PER_SECOND 20u
