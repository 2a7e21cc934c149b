#pragma once
// Small readings of text.

#include <stdbool.h>

// Whether the list has that word, whole; words are apart by any one of the separators.
bool text_has_word(const char *list, const char *separators, const char *word);
// 0 to 15, or -1 when it is no hexadecimal digit.
int text_hex_value(char c);
