// X-Forwarded-For of a trusted proxy and of a stranger; a list of networks as an operator writes it.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "server/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct networks trusted, parsed;
    struct in6_addr peer;
    char key[SOURCE_TEXT_SIZE];
    AUTO_FREE char *text = size > 0 ? strndup((const char *)data + 1, size - 1) : NULL;
    if (!text || networks_parse("127.0.0.1 10.0.0.0/8", &trusted) < 0)
        return 0;
    bool believed = data[0] & 1;
    const char *peer_text = believed ? "127.0.0.1" : "192.0.2.9";
    if (network_address_parse(peer_text, strlen(peer_text), &peer) < 0)
        abort();
    struct in6_addr source = source_find(&trusted, &peer, text);
    if (!believed && memcmp(&source, &peer, sizeof(peer)) != 0)
        abort();
    source_key(&source, key);
    if (network_address_parse(key, strlen(key), &source) < 0)
        abort();
    if (networks_parse(text, &parsed) == 0 && parsed.count > NETWORKS_MAX)
        abort();
    return 0;
}
