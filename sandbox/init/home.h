#pragma once

// Fills the home directory with the files of the skeleton that are not there yet; nothing is overwritten. A
// file that can't be made is left out: a full or strange home must not keep its owner out.
void home_seed(const char *skeleton, const char *home);
