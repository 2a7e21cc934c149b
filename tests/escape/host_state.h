#pragma once
// What a sandbox must not change outside, read before and after an attack.

struct host_state {
    char *text;
    double clock_offset; // of the real-time clock to the monotonic one, seconds
};

// Before anything is read or started: as root, mounts of one's own, as a host shares them. What others mount beside the test does not show in them, and what
// a sandbox would change in those of who started it does.
void host_state_own_mounts(void);
void host_state_read(struct host_state *state);
// Fails the running test when what is there now differs from before; frees before.
void host_state_expect(struct host_state *before);
