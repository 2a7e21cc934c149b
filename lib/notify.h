#pragma once

// Tells whoever started this program how it does (sd_notify(3)'s protocol), by the datagram socket that NOTIFY_SOCKET names (a path, or
// an abstract name after '@'). Each returns 1 when told, 0 when nobody asked (NOTIFY_SOCKET is unset or empty), -errno when the socket
// can't be reached.

#include <stdint.h>

// It serves now. Call it once, when the program answers its peers.
int notify_ready(void);
// It is about to end in order.
int notify_stopping(void);
// It is alive. Due every notify_watchdog_us(). Never waits: -EAGAIN when nobody reads what was told before.
int notify_alive(void);

// How often notify_alive is due, half of the time after which the starter loses patience (WATCHDOG_USEC); 0: nobody waits for it.
uint64_t notify_watchdog_us(void);
