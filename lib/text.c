#include "lib/text.h"

#include <string.h>

bool text_has_word(const char *list, const char *separators, const char *word)
{
    size_t length = strlen(word);
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, separators);
        if (n == length && memcmp(p, word, n) == 0)
            return true;
        p += n + (p[n] != '\0');
    }
    return false;
}

int text_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}
