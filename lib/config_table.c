#include "lib/config.h"

#include "lib/limits.h"
#include "lib/tick.h"

#define TEXT(name, low, high, standard, text)                                                                \
    {                                                                                                        \
        name, CONFIG_TEXT, false, low, high, standard, "", "", text                                          \
    }
#define SECRET(name, low, high, text)                                                                        \
    {                                                                                                        \
        name, CONFIG_TEXT, true, low, high, "", "", "", text                                                 \
    }
#define NUMBER(name, low, high, standard, unit, text)                                                        \
    {                                                                                                        \
        name, CONFIG_NUMBER, false, low, high, standard, unit, "", text                                      \
    }
#define SWITCH(name, standard, text)                                                                         \
    {                                                                                                        \
        name, CONFIG_SWITCH, false, 0, 1, standard, "", "true|false", text                                   \
    }
#define CHOICE(name, choices, standard, text)                                                                \
    {                                                                                                        \
        name, CONFIG_CHOICE, false, 0, 0, standard, "", choices, text                                        \
    }

static const struct config_entry table[CONFIG_KEY_COUNT] = {
    [CONFIG_DATABASE_URL] = TEXT("DATABASE_URL", 0, 1024, "",
                                 "PostgreSQL connection string; empty: the embedded cluster of scripts/run"),
    [CONFIG_HOST] = TEXT("HOST", 1, 255, "127.0.0.1", "address to listen on"),
    [CONFIG_PORT] = NUMBER("PORT", 1, 65535, "8080", "", "TCP port of the web interface"),
    [CONFIG_METRICS_PORT] =
        NUMBER("METRICS_PORT", 0, 65535, "0", "",
               "TCP port of /metrics on the loopback address, which sandboxctl top asks too; 0: not served"),
    [CONFIG_ALLOWED_ORIGINS] =
        TEXT("ALLOWED_ORIGINS", 0, 1024, "",
             "further origins browsers may come from, separated by spaces (https://desk.example.org)"),
    [CONFIG_TRUSTED_PROXIES] =
        TEXT("TRUSTED_PROXIES", 0, 1024, "",
             "addresses and networks of proxies whose X-Forwarded-For is believed, separated by spaces "
             "(127.0.0.1 10.0.0.0/8); empty: nobody's"),
    [CONFIG_NODE_ID] = TEXT("NODE_ID", 1, NODE_ID_MAX, "local", "name of this node in paths and rows"),
    [CONFIG_WEB_ROOT] = TEXT("WEB_ROOT", 0, 1024, "", "directory of the built web client"),
    [CONFIG_JWT_SECRET] = SECRET("JWT_SECRET", 64, 256,
                                 "key of the access tokens: at least 32 random bytes as hexadecimal digits"),
    [CONFIG_JWT_SECRET_PREVIOUS] = SECRET("JWT_SECRET_PREVIOUS", 0, 256,
                                          "an earlier JWT_SECRET, whose tokens are good until they expire"),
    [CONFIG_JWT_ACCESS_EXPIRY] = NUMBER("JWT_ACCESS_EXPIRY", 5, 86400, "900", "s", "life of an access token"),
    [CONFIG_JWT_REFRESH_EXPIRY] =
        NUMBER("JWT_REFRESH_EXPIRY", 60, 31536000, "604800", "s", "life of a refresh token"),
    [CONFIG_SANDBOXD_SOCKET] = TEXT("SANDBOXD_SOCKET", 0, 107, "", "socket of sandboxd"),
    [CONFIG_SANDBOXD_CLIENT_UID] = NUMBER("SANDBOXD_CLIENT_UID", -1, 4294967294, "-1", "",
                                          "the uid that may command sandboxd; -1: its own"),
    [CONFIG_PROGRAM_DIR] = TEXT("PROGRAM_DIR", 0, 1024, "", "directory of sandbox-init and sandbox-streamer"),
    [CONFIG_SANDBOX_MEMORY_LIMIT_MB] = NUMBER("SANDBOX_MEMORY_LIMIT_MB", MEMORY_LIMIT_MIN_MB,
                                              MEMORY_LIMIT_MAX_MB, "2048", "MiB", "memory of one sandbox"),
    [CONFIG_SANDBOX_CPU_PERCENT] = NUMBER("SANDBOX_CPU_PERCENT", 1, CPU_PERCENT_MAX, "200", "%",
                                          "processor time of one sandbox; 100 = one core"),
    [CONFIG_SANDBOX_PID_LIMIT] = NUMBER("SANDBOX_PID_LIMIT", PID_LIMIT_MIN, PID_LIMIT_MAX, "512", "",
                                        "processes and threads of one sandbox"),
    [CONFIG_SANDBOX_SESSION_TIMEOUT_SECS] = NUMBER("SANDBOX_SESSION_TIMEOUT_SECS", 5, 31536000, "28800", "s",
                                                   "a sandbox ends this long after its start"),
    [CONFIG_SANDBOX_IDLE_TIMEOUT_SECS] = NUMBER("SANDBOX_IDLE_TIMEOUT_SECS", 5, 31536000, "3600", "s",
                                                "a sandbox ends this long after the last input"),
    [CONFIG_SANDBOX_WARNING_SECS] = NUMBER("SANDBOX_WARNING_SECS", 1, 3600, "120", "s",
                                           "the browser warns this long before either limit"),
    [CONFIG_SANDBOX_START_TIMEOUT_SECS] =
        NUMBER("SANDBOX_START_TIMEOUT_SECS", 5, 600, "20", "s",
               "a start that takes longer is given up; more on machines that are very slow"),
    [CONFIG_SANDBOX_MAX_PER_USER] =
        NUMBER("SANDBOX_MAX_PER_USER", 1, SANDBOX_MAX_TOTAL, "3", "", "sandboxes one user may run at once"),
    [CONFIG_SANDBOX_MAX_PER_NODE] =
        NUMBER("SANDBOX_MAX_PER_NODE", 1, SANDBOX_MAX_TOTAL, "32", "", "sandboxes this node runs at once"),
    [CONFIG_SANDBOX_RETENTION_DAYS] =
        NUMBER("SANDBOX_RETENTION_DAYS", 0, 36500, "90", "days",
               "records of ended sandboxes are deleted after this time; 0: never"),
    [CONFIG_SANDBOX_POOL_DESKTOP] = NUMBER(
        "SANDBOX_POOL_DESKTOP", 0, SANDBOX_POOL_MAX, "1", "",
        "desktops that are kept ready for whoever comes next; 0: each is started when it is asked for"),
    [CONFIG_SANDBOX_POOL_CODE] = NUMBER("SANDBOX_POOL_CODE", 0, SANDBOX_POOL_MAX, "0", "",
                                        "sandboxes for one command that are kept ready"),
    [CONFIG_SANDBOX_POOL_MEMORY_MB] =
        NUMBER("SANDBOX_POOL_MEMORY_MB", 0, MEMORY_LIMIT_MAX_MB, "256", "MiB",
               "memory that all sandboxes kept ready may take together, which bounds how many there are"),
    [CONFIG_SANDBOX_TICK_US] =
        NUMBER("SANDBOX_TICK_US", 0, TICK_PERIOD_MAX_US, "500", "us",
               "while every processor is wanted, each of them chooses anew who runs so often (100 to 10000), "
               "for the sake of whoever is beside a bomb; 0: as often as the kernel does by itself"),
    [CONFIG_SANDBOX_UID_BASE] =
        NUMBER("SANDBOX_UID_BASE", 65536, 2143289344, "1879048192", "",
               "host uids above this one belong to sandboxes and streamers (2^21 of them)"),
    [CONFIG_SANDBOX_CGROUP_BACKEND] = CHOICE("SANDBOX_CGROUP_BACKEND", "auto|v2|hybrid|none", "auto",
                                             "how memory, processor and process limits are set"),
    [CONFIG_SANDBOX_CGROUP_PATH] =
        TEXT("SANDBOX_CGROUP_PATH", 0, 255, "",
             "the delegated cgroup, relative to the mount point; empty: the own cgroup of sandboxd"),
    [CONFIG_SANDBOX_LAYERS_REQUIRED] =
        TEXT("SANDBOX_LAYERS_REQUIRED", 0, 512, "",
             "isolation layers without which sandboxd refuses to start, separated by commas, or all"),
    [CONFIG_EGRESS_CONNECTIONS] = NUMBER("EGRESS_CONNECTIONS", 1, EGRESS_CONNECTIONS_PER_SANDBOX_MAX, "256",
                                         "", "connections to the network that one sandbox may have at once"),
    [CONFIG_EGRESS_QUOTA_MB] =
        NUMBER("EGRESS_QUOTA_MB", 0, 1048576, "0", "MiB",
               "bytes that one sandbox may exchange with the network in its life; 0: no limit"),
    [CONFIG_FILE_STORAGE_PATH] =
        TEXT("FILE_STORAGE_PATH", 0, 1024, "", "directory of the users' home directories"),
    [CONFIG_FILE_ENCRYPTION_ENABLED] =
        SWITCH("FILE_ENCRYPTION_ENABLED", "false",
               "encrypt home directories (not built yet: true refuses to start)"),
    [CONFIG_STORAGE_FREE_MIN_MB] =
        NUMBER("STORAGE_FREE_MIN_MB", 0, 1073741824, "256", "MiB",
               "with less than this free for home directories, /ready says that the node is not"),
    [CONFIG_CERTIFICATE_FILE] =
        TEXT("CERTIFICATE_FILE", 0, 1024, "",
             "the site's certificate (PEM, without its key), to tell in /metrics when it ends"),
    [CONFIG_BACKUP_DIRECTORY] =
        TEXT("BACKUP_DIRECTORY", 0, 1024, "", "where sandboxctl backup puts its files"),
    [CONFIG_BACKUP_KEY_FILE] = TEXT("BACKUP_KEY_FILE", 0, 1024, "",
                                    "key that backups are encrypted with (sandboxctl backup-key makes one)"),
    [CONFIG_BACKUP_KEEP_DAYS] =
        NUMBER("BACKUP_KEEP_DAYS", 1, 3650, "7", "", "days with a backup of which the newest is kept"),
    [CONFIG_BACKUP_KEEP_WEEKS] =
        NUMBER("BACKUP_KEEP_WEEKS", 0, 520, "4", "", "weeks with a backup of which the newest is kept"),
    [CONFIG_DISPLAY_WIDTH] = NUMBER("DISPLAY_WIDTH", DISPLAY_WIDTH_MIN, DISPLAY_WIDTH_MAX, "1920", "pixels",
                                    "width a desktop begins with"),
    [CONFIG_DISPLAY_HEIGHT] = NUMBER("DISPLAY_HEIGHT", DISPLAY_HEIGHT_MIN, DISPLAY_HEIGHT_MAX, "1080",
                                     "pixels", "height a desktop begins with"),
    [CONFIG_DISPLAY_MAX_WIDTH] = NUMBER("DISPLAY_MAX_WIDTH", DISPLAY_WIDTH_MIN, DISPLAY_WIDTH_MAX, "3840",
                                        "pixels", "width up to which a desktop follows the browser's window"),
    [CONFIG_DISPLAY_MAX_HEIGHT] =
        NUMBER("DISPLAY_MAX_HEIGHT", DISPLAY_HEIGHT_MIN, DISPLAY_HEIGHT_MAX, "2160", "pixels",
               "height up to which a desktop follows the browser's window"),
    [CONFIG_CLIPBOARD_TO_SANDBOX_KB] =
        NUMBER("CLIPBOARD_TO_SANDBOX_KB", 0, CLIPBOARD_MAX >> 10, "32768", "KiB",
               "largest text or picture that the browser's clipboard gives to a desktop; 0: none"),
    [CONFIG_CLIPBOARD_TO_BROWSER_KB] =
        NUMBER("CLIPBOARD_TO_BROWSER_KB", 0, CLIPBOARD_MAX >> 10, "32768", "KiB",
               "largest text or picture that a desktop's clipboard gives to the browser; 0: none"),
    [CONFIG_VIDEO_CODEC] = TEXT("VIDEO_CODEC", 1, 31, "libx264",
                                "video encoder: libx264, or libvpx-vp9 or libaom-av1 of libavcodec"),
    [CONFIG_VIDEO_CHROMA] = CHOICE("VIDEO_CHROMA", "420|444", "420",
                                   "colours of a video: 444 has one for each pixel, at up to twice the cost"),
    [CONFIG_VIDEO_PRESET] = CHOICE("VIDEO_PRESET", "ultrafast|superfast|veryfast|faster|fast", "ultrafast",
                                   "encoder preset: slower ones need less bandwidth"),
    [CONFIG_VIDEO_TUNE] = CHOICE("VIDEO_TUNE", "zerolatency", "zerolatency", "encoder tuning"),
    [CONFIG_VIDEO_FRAMERATE] = NUMBER("VIDEO_FRAMERATE", 1, 120, "60", "frames/s", "frame rate, at most"),
    [CONFIG_VIDEO_BITRATE_KBPS] =
        NUMBER("VIDEO_BITRATE_KBPS", 100, 1000000, "20000", "kbit/s", "bandwidth of one viewer, at most"),
    [CONFIG_SOUND] = SWITCH("SOUND", "true", "what a desktop plays can be heard in the browser"),
    [CONFIG_MICROPHONE] = SWITCH("MICROPHONE", "false",
                                 "the browser may give its microphone to a desktop, when its user says so"),
    [CONFIG_SHARING] = CHOICE("SHARING", "off|view|control", "control",
                              "links by which others may watch a desktop, or control it too"),
    [CONFIG_RECORDING] = CHOICE(
        "RECORDING", "off|allowed|required", "off",
        "recording of desktops: allowed: by their owners' wish; required: each one that somebody watches"),
    [CONFIG_RECORDINGS_DIR] = TEXT("RECORDINGS_DIR", 0, 1024, "", "directory of the recordings"),
    [CONFIG_RECORDING_QUOTA_MB] = NUMBER("RECORDING_QUOTA_MB", 1, 1073741824, "10240", "MiB",
                                         "recordings of one user and their films, all together"),
    [CONFIG_RECORDING_RETENTION_DAYS] = NUMBER("RECORDING_RETENTION_DAYS", 0, 36500, "30", "days",
                                               "recordings are deleted after this time; 0: never"),
    [CONFIG_WATCHDOG_SECS] =
        NUMBER("WATCHDOG_SECS", 1, 3600, "30", "s",
               "sandboxd or sandbox-server that hangs for this long is killed and started again, under "
               "scripts/run; the systemd units have WatchdogSec"),
    [CONFIG_LOG_LEVEL] = CHOICE("LOG_LEVEL", "error|warning|info|debug", "info", "what is logged"),
    [CONFIG_LOG_FORMAT] = CHOICE("LOG_FORMAT", "text|json", "text", "form of a log line"),
};

const struct config_entry *config_entry(enum config_key key)
{
    return &table[key];
}
