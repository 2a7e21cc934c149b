#pragma once
// The signals that sandbox-run passes on: not those that its caller ignores (nohup, a shell's job in the background).

#include <stdbool.h>

// They come by this descriptor from here on, non-blocking. 0 or -errno.
int signals_open(int *ret_fd);
// By the descriptor come only those any more by which somebody asks for an end.
void signals_narrow(int fd);
bool signals_ask_for_end(int number);
