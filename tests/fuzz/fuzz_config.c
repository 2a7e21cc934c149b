// A configuration file, as plain text and as the file of secrets.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int secrets = 0; secrets < 2; secrets++) {
        struct config *config = config_new();
        struct config_error error;
        if (!config)
            return 0;
        if (config_read_text(config, (const char *)data, size, "fuzz", secrets, &error) == 0) {
            for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
                const struct config_entry *entry = config_entry(key);
                if (entry->type == CONFIG_NUMBER && (config_number(config, key) < entry->minimum ||
                                                     config_number(config, key) > entry->maximum))
                    abort();
            }
        }
        config_free(config);
    }
    return 0;
}
