#pragma once

// Removes name beneath parent_fd and everything in it. Symbolic links are removed, never followed, and other
// file systems mounted inside make it fail with -EXDEV. 0 when it did not exist.
int tree_remove(int parent_fd, const char *name);
