#include "server/policy_json.h"

#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

json_t *policy_json(const struct policy *policy)
{
    const struct stream_policy *stream = &policy->stream;
    return json_pack("{s:i, s:i, s:{s:i, s:i}, s:b, s:b, s:s, s:s}", "clipboard_to_sandbox_kb",
                     (int)(stream->clipboard_to_sandbox >> 10), "clipboard_to_browser_kb",
                     (int)(stream->clipboard_to_browser >> 10), "display_max", "width",
                     (int)stream->width_max, "height", (int)stream->height_max, "sound", stream->sound,
                     "microphone", stream->microphone, "sharing", sharing_name(policy->sharing), "recording",
                     recording_mode_name(policy->recording));
}

bool policy_text(const struct policy *policy, char ret_text[static POLICY_TEXT_MAX + 1])
{
    json_t *document = policy_json(policy);
    AUTO_FREE char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (!text || strlen(text) > POLICY_TEXT_MAX)
        return false;
    memcpy(ret_text, text, strlen(text) + 1);
    return true;
}

static bool read_document(json_t *document, struct policy *ret_policy)
{
    int to_sandbox, to_browser, width, height, sound, microphone;
    const char *sharing, *recording;
    if (json_unpack(document, "{s:i, s:i, s:{s:i, s:i}, s:b, s:b, s:s, s:s}", "clipboard_to_sandbox_kb",
                    &to_sandbox, "clipboard_to_browser_kb", &to_browser, "display_max", "width", &width,
                    "height", &height, "sound", &sound, "microphone", &microphone, "sharing", &sharing,
                    "recording", &recording) < 0)
        return false;
    struct policy policy = {.stream = {.clipboard_to_sandbox = (uint32_t)to_sandbox << 10,
                                       .clipboard_to_browser = (uint32_t)to_browser << 10,
                                       .width_max = (uint16_t)width,
                                       .height_max = (uint16_t)height,
                                       .sound = sound != 0,
                                       .microphone = microphone != 0}};
    int mode = recording_mode_of(recording), shared = sharing_of(sharing);
    if (mode < 0 || shared < 0 || !stream_policy_valid(&policy.stream))
        return false;
    policy.recording = (enum recording_mode)mode;
    policy.sharing = (enum sharing)shared;
    *ret_policy = policy;
    return true;
}

struct policy policy_read(const char *text, const struct config *config)
{
    struct policy policy = policy_of(config, 0);
    if (!*text)
        return policy;
    json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!read_document(document, &policy))
        policy.sharing = SHARING_OFF;
    json_decref(document);
    return policy;
}
