#include "lib/hostname.h"

#include <errno.h>
#include <string.h>

#define LABEL_MAX 63

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool label_valid(const char *label, size_t length)
{
    if (length == 0 || length > LABEL_MAX || label[0] == '-' || label[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = label[i];
        if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '-' && c != '_')
            return false;
    }
    return true;
}

// As the URL standard's "ends in a number" checker: all digits, or 0x and hexadecimal digits.
static bool label_is_number(const char *label, size_t length)
{
    bool hexadecimal = length >= 2 && label[0] == '0' && label[1] == 'x';
    for (size_t i = hexadecimal ? 2 : 0; i < length; i++) {
        if (!is_digit(label[i]) && !(hexadecimal && label[i] >= 'a' && label[i] <= 'f'))
            return false;
    }
    return true;
}

int hostname_normalise(const char *text, size_t length, char ret_name[static HOSTNAME_SIZE])
{
    char name[HOSTNAME_SIZE];
    if (length > 0 && text[length - 1] == '.')
        length--;
    if (length == 0 || length >= HOSTNAME_SIZE)
        return -EINVAL;
    for (size_t i = 0; i < length; i++)
        name[i] = lower(text[i]);
    name[length] = '\0';

    const char *label = name;
    for (;;) {
        const char *dot = memchr(label, '.', (size_t)(name + length - label));
        size_t size = (size_t)((dot ? dot : name + length) - label);
        if (!label_valid(label, size))
            return -EINVAL;
        if (!dot) {
            if (label_is_number(label, size))
                return -EINVAL;
            break;
        }
        label += size + 1;
    }
    memcpy(ret_name, name, length + 1);
    return 0;
}

bool hostname_canonical(const char *name)
{
    char canonical[HOSTNAME_SIZE];
    return hostname_normalise(name, strlen(name), canonical) == 0 && strcmp(name, canonical) == 0;
}

bool hostname_below(const char *name, const char *domain)
{
    size_t length = strlen(name), suffix = strlen(domain);
    if (suffix == 0)
        return true;
    return length > suffix + 1 && name[length - suffix - 1] == '.' &&
           memcmp(name + length - suffix, domain, suffix) == 0;
}
