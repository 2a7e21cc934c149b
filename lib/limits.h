#pragma once
// The named maximum of every quantity that an outsider controls and more than one program knows.

// Accounts and HTTP
#define USERNAME_MAX 64     // bytes, UTF-8
#define PASSWORD_MAX 1024   // bytes
#define PASSWORD_MIN 10     // bytes; enforced when a password is set
#define HTTP_BODY_MAX 16384 // bytes
#define IDEMPOTENCY_KEY_MAX 64
#define NODE_ID_MAX 32

// Sandboxes
#define SANDBOX_MAX_TOTAL 1024        // sandboxes on one node, whatever the configuration says
#define SANDBOX_POOL_MAX 64           // sandboxes of one template that wait for an owner
#define ACCOUNT_NUMBER_MAX (1u << 20) // host uids 1 .. this above SANDBOX_UID_BASE
#define VIEWER_MAX 8                  // viewers of one sandbox
#define EXPORTERS_MAX 2               // films of recordings that are made at once on one node
#define MEMORY_LIMIT_MIN_MB 128
#define MEMORY_LIMIT_MAX_MB 1048576
#define CPU_PERCENT_MAX 25600
#define PID_LIMIT_MIN 32
#define PID_LIMIT_MAX 65536
#define EGRESS_CONNECTIONS_PER_SANDBOX_MAX 1024u

// Display and stream (docs/PROTOCOL.md)
#define DISPLAY_WIDTH_MIN 320
#define DISPLAY_HEIGHT_MIN 200
#define DISPLAY_WIDTH_MAX 7680
#define DISPLAY_HEIGHT_MAX 4320
#define STREAM_PACKET_MAX 65536u      // bytes of one packet between streamer and server, flag byte included
#define STREAM_MESSAGE_MAX (8u << 20) // bytes of one message to the browser
#define BROWSER_MESSAGE_MAX 1024u     // bytes of one message from the browser
#define CLIPBOARD_MAX (64u << 20)     // bytes of a clipboard's text or picture
#define CLIPBOARD_MESSAGE_MAX 65536u  // bytes of one clipboard message, header included
#define VOICE_PACKET_MAX 400u         // bytes of one Opus packet of a viewer's microphone
#define BROWSER_MESSAGES_PER_SECOND 1000u
#define BROWSER_MESSAGES_BURST 2000u
#define BROWSER_BYTES_PER_SECOND (8u << 20)
#define BROWSER_BYTES_BURST (8u << 20)
#define RECTANGLES_MAX 64u             // rectangles of one message
#define UPDATES_UNACKNOWLEDGED_MAX 32u // by streamers; how many in fact depends on the way to the browser
#define CURSOR_SIDE_MAX 256u
