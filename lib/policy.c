#include "lib/policy.h"

#include <stddef.h>
#include <string.h>

#include "lib/limits.h"

static const char *const recording_names[] = {"off", "allowed", "required"};
static const char *const sharing_names[] = {"off", "view", "control"};

static int find(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

const char *recording_mode_name(enum recording_mode mode)
{
    return recording_names[mode];
}

const char *sharing_name(enum sharing sharing)
{
    return sharing_names[sharing];
}

int recording_mode_of(const char *name)
{
    return find(recording_names, RECORDING_REQUIRED + 1, name);
}

int sharing_of(const char *name)
{
    return find(sharing_names, SHARING_CONTROL + 1, name);
}

// A desktop may always be as large as it begins, unless its own template says otherwise.
static uint16_t size_max(const struct config *config, unsigned template_index, enum config_key largest,
                         enum config_key first)
{
    int64_t size = config_template_number(config, template_index, largest);
    int64_t begins = config_number(config, first);
    return (uint16_t)(size == config_number(config, largest) && begins > size ? begins : size);
}

struct policy policy_of(const struct config *config, unsigned template_index)
{
    return (struct policy){
        .stream =
            {.clipboard_to_sandbox =
                 (uint32_t)config_template_number(config, template_index, CONFIG_CLIPBOARD_TO_SANDBOX_KB)
                 << 10,
             .clipboard_to_browser =
                 (uint32_t)config_template_number(config, template_index, CONFIG_CLIPBOARD_TO_BROWSER_KB)
                 << 10,
             .width_max = size_max(config, template_index, CONFIG_DISPLAY_MAX_WIDTH, CONFIG_DISPLAY_WIDTH),
             .height_max = size_max(config, template_index, CONFIG_DISPLAY_MAX_HEIGHT, CONFIG_DISPLAY_HEIGHT),
             .sound = config_template_switch(config, template_index, CONFIG_SOUND),
             .microphone = config_template_switch(config, template_index, CONFIG_MICROPHONE)},
        // The table's choices are these names.
        .recording = (enum recording_mode)recording_mode_of(
            config_template_text(config, template_index, CONFIG_RECORDING)),
        .sharing = (enum sharing)sharing_of(config_template_text(config, template_index, CONFIG_SHARING)),
    };
}

bool stream_policy_valid(const struct stream_policy *policy)
{
    return policy->clipboard_to_sandbox <= CLIPBOARD_MAX && policy->clipboard_to_browser <= CLIPBOARD_MAX &&
           policy->width_max >= DISPLAY_WIDTH_MIN && policy->width_max <= DISPLAY_WIDTH_MAX &&
           policy->height_max >= DISPLAY_HEIGHT_MIN && policy->height_max <= DISPLAY_HEIGHT_MAX &&
           policy->sound <= 1 && policy->microphone <= 1 && policy->reserved[0] == 0 &&
           policy->reserved[1] == 0;
}
