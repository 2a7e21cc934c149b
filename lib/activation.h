#pragma once
// Socket activation (sd_listen_fds(3)): the listening socket that whoever started this program made for it.

// Takes it: 1 with ret_fd set, close-on-exec and non-blocking; 0 when none was passed; -EINVAL when what was passed is not exactly one
// listening SOCK_SEQPACKET path socket. Call it before anything is executed: until then the descriptor would be inherited.
int activation_take(int *ret_fd);
