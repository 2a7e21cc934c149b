// The browser's messages.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "lib/wire.h"

#define LAYOUT_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_-"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct browser_message message;
    memset(&message, 0xaa, sizeof(message));
    if (wire_decode_browser(data, size, &message))
        return 0;
    const struct wire_browser_rule *rule = wire_browser_rule(data[0]);
    if (!rule || size < rule->size_min || size > rule->size_max || (uint8_t)message.kind != data[0])
        abort();
    if (message.kind == WIRE_KEY && (message.key.code < 1 || message.key.code > 255))
        abort();
    if (message.kind == WIRE_TEXT && message.text > 0x10ffff)
        abort();
    if (message.kind == WIRE_SYMBOL && (message.symbol.code > 255 || message.symbol.character > 0x10ffff))
        abort();
    if (message.kind == WIRE_LAYOUT &&
        (strspn(message.layout.name, LAYOUT_CHARACTERS) == 0 ||
         strlen(message.layout.name) >= WIRE_LAYOUT_NAME ||
         strspn(message.layout.variant, LAYOUT_CHARACTERS) != strlen(message.layout.variant)))
        abort();
    if (message.kind == WIRE_BROWSER_CLIPBOARD && message.clipboard.length + WIRE_CLIPBOARD_HEADER != size)
        abort();
    return 0;
}
