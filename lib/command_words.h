#pragma once
// A command line inside a fixed-size message: words one after the other, each with its NUL.

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define COMMAND_TEXT_MAX 4000 // bytes, the NULs included
#define COMMAND_WORDS_MAX 64

struct command_words {
    uint32_t count;
    uint32_t length; // bytes of text in use
    char text[COMMAND_TEXT_MAX];
};

// True when text[0 .. length) is exactly `count` words and the first one is not empty. ret_words (NULL, or room for COMMAND_WORDS_MAX + 1)
// gets them, with NULL at the end; they point into `words`.
static inline bool command_words_take(const struct command_words *words, const char **ret_words)
{
    if (words->count < 1 || words->count > COMMAND_WORDS_MAX || words->length < 2 ||
        words->length > COMMAND_TEXT_MAX || words->text[words->length - 1] != '\0' || words->text[0] == '\0')
        return false;
    uint32_t count = 0;
    for (uint32_t at = 0; at < words->length; at += (uint32_t)strlen(words->text + at) + 1) {
        if (count == words->count)
            return false;
        if (ret_words)
            ret_words[count] = words->text + at;
        count++;
    }
    if (ret_words)
        ret_words[count] = NULL;
    return count == words->count;
}
