#include "server/notices.h"

#include "server/policy_json.h"
#include "server/sandbox_json.h"

static const char *const sentences[STOP_REASON_COUNT] = {
    [STOP_NONE] = "",
    [STOP_USER] = "You stopped it.",
    [STOP_ADMINISTRATOR] = "An administrator stopped it.",
    [STOP_IDLE] = "Nobody used it for too long.",
    [STOP_LIMIT] = "It reached the longest time that a sandbox may run.",
    [STOP_MEMORY] = "It used more memory than its limit.",
    [STOP_DISPLAY] = "Its display ended.",
    [STOP_CRASH] = "Its first process ended.",
    [STOP_START_FAILED] = "It could not be started.",
    [STOP_NODE_RESTART] = "The sandbox manager of this node was restarted.",
    [STOP_SHUTDOWN] = "The service was stopped.",
    [STOP_ACCOUNT_DISABLED] = "The account was disabled.",
    [STOP_EXITED] = "Its command ended.",
    [STOP_SIGNALLED] = "Its command was ended by a signal.",
    [STOP_PROCESSES] = "It needed more processes than its limit.",
    [STOP_TIME] = "It ran longer than its limit.",
    [STOP_OUTPUT] = "It wrote more than its limit.",
    [STOP_HOST_MEMORY] = "The machine had no more memory; its own limit was not met.",
};

const char *stop_reason_sentence(enum stop_reason reason)
{
    return sentences[reason];
}

static char *text_of(json_t *document)
{
    char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    return text;
}

char *notice_session(const struct id *sandbox, int64_t expires_us, int64_t idle_expires_us)
{
    char id[ID_TEXT_SIZE];
    id_format(sandbox, id);
    return text_of(json_pack("{s:s, s:s, s:s, s:o, s:o}", "type", "session", "sandbox", id, "state",
                             "running", "expires_at", time_json(expires_us), "idle_expires_at",
                             time_json(idle_expires_us)));
}

char *notice_warning(const char *reason, int64_t ends_us)
{
    return text_of(
        json_pack("{s:s, s:s, s:o}", "type", "warning", "reason", reason, "ends_at", time_json(ends_us)));
}

char *notice_warning_cleared(int64_t idle_expires_us)
{
    return text_of(json_pack("{s:s, s:s, s:o}", "type", "warning_cleared", "reason", "idle",
                             "idle_expires_at", time_json(idle_expires_us)));
}

char *notice_streamer_restarting(void)
{
    return text_of(json_pack("{s:s, s:s}", "type", "streamer", "state", "restarting"));
}

char *notice_access(bool control, bool guest)
{
    return text_of(json_pack("{s:s, s:s, s:b}", "type", "access", "access", control ? "control" : "view",
                             "guest", guest));
}

char *notice_policy(const struct policy *policy)
{
    return text_of(json_pack("{s:s, s:o}", "type", "policy", "policy", policy_json(policy)));
}

char *notice_recording(enum recording_mode mode, bool on, bool failed)
{
    return text_of(json_pack("{s:s, s:s, s:b, s:b}", "type", "recording", "mode", recording_mode_name(mode),
                             "on", on, "failed", failed));
}

char *notice_viewers(unsigned count, json_t *items)
{
    return text_of(json_pack("{s:s, s:i, s:o*}", "type", "viewers", "count", (int)count, "items", items));
}

char *notice_ended(enum stop_reason reason, const char *detail)
{
    return text_of(
        json_pack("{s:s, s:s, s:s}", "type", "ended", "reason", stop_reason_name(reason), "detail", detail));
}
