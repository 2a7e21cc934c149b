#pragma once
// The maxima that sandbox-server alone knows; lib/limits.h has those that other programs know too.

#include "lib/limits.h"

#define HTTP_CONNECTIONS_MAX 1024 // sockets at once, WebSockets included
#define ACCEPT_BATCH 16         // connections taken in one turn of the loop, and so above the maximum at most
#define HTTP_HEADERS_MAX 8192   // bytes of one request's line and headers
#define HTTP_TIMEOUT_SECONDS 10 // for the headers, and between two pieces of a body
#define HTTP_KEEPALIVE_SECONDS 30 // between two requests of a connection
#define HTTP_REQUEST_SECONDS 20   // for a whole request, however steadily it drips
#define HTTP_PATH_MAX 512         // bytes
#define HTTP_LINGER_SECONDS 2     // for a client to read a refusal while it still sends
#define HTTP_LINGER_BYTES (16u << 20)

#define WORK_DATABASE_THREADS 2
#define WORK_PASSWORD_THREADS 2 // Argon2id: 64 MiB and a core each
#define WORK_DATABASE_QUEUE 256
#define WORK_PASSWORD_QUEUE 16
#define WORK_RECORDING_THREADS 2
#define WORK_RECORDING_QUEUE 1024 // one of each recorder
#define WORK_PLAYBACK_THREADS 2
#define WORK_PLAYBACK_QUEUE 64 // each answers up to 1 MiB, or reads a whole recording for its index

#define FILMS_MAX 64 // of recordings: that wait, are made, or have failed
#define FILMS_PER_ACCOUNT 4

#define LIMITER_ENTRIES 4096 // sources or usernames that are remembered
#define LOGIN_SOURCE_BURST 20u
#define LOGIN_SOURCE_PER_MINUTE 20u
#define LOGIN_PAIR_BURST 10u // one source at one username
#define LOGIN_PAIR_PER_MINUTE 10u
#define LOGIN_NAME_BURST 20u // one username, from wherever: then it gets slow, and stays open to its owner
#define LOGIN_NAME_PER_MINUTE 20u
#define LOGIN_SLOW_MS 2000
#define LOGIN_SLOW_MAX 64u // attempts that are held back at once
#define LINK_SOURCE_BURST 20u
#define LINK_SOURCE_PER_MINUTE 20u

#define TICKETS_MAX 1024       // good ones at once on this node
#define TICKETS_PER_ACCOUNT 32 // a further one replaces the oldest; so for each link

#define STATIC_FILES_MAX 512
#define STATIC_FILE_MAX (16u << 20)  // bytes of one file
#define STATIC_TOTAL_MAX (64u << 20) // bytes of all files

#define VIEWER_PING_SECONDS 20
#define VIEWER_NOTICES_MAX 8 // notices waiting for a stalled viewer
