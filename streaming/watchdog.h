#pragma once
// Ends the process when one turn of its loop takes too long: libxcb waits without a limit for the rest of a
// reply that a hostile X server never sends, and the viewer's leaving must still be noticed.

#define WATCHDOG_SECONDS 5

// Installs the handler; the process then ends with exit status 1 and one log line when it barks.
int watchdog_init(void);
void watchdog_start(void);
void watchdog_pause(void);
