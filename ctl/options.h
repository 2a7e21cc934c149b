#pragma once
// What stands behind a command on the command line.

enum option {
    OPTION_USERNAME,
    OPTION_PASSWORD,
    OPTION_PASSWORD_STDIN,
    OPTION_ROLE,
    OPTION_NODE,
    OPTION_ALL,
    OPTION_DIRECTORY,
    OPTION_JSON,
    OPTION_HOST,
    OPTION_NODES,
    OPTION_CERTIFICATE,
    OPTION_BIND,
    OPTION_HTTP_PORT,
    OPTION_HTTPS_PORT,
    OPTION_STATUS_PORT,
    OPTION_PEER_PORT,
    OPTION_RUN_DIRECTORY,
    OPTION_LOGIN_RATE,
    OPTION_API_RATE,
    OPTION_SOURCE_CONNECTIONS,
    OPTION_CONNECT_TIMEOUT,
    OPTION_ACME_PORT,
    OPTION_ONCE,
    OPTION_OFF,
    OPTION_KEY,
    OPTION_DRY_RUN,
    OPTION_ALLOW,
    OPTION_NONE,
    OPTION_MEMORY,
    OPTION_CPU,
    OPTION_PIDS,
    OPTION_COUNT,
};

#define ACCEPT(option) (1u << (option))

#define OPTION_REPEATS_MAX 64u

struct options {
    char *values[OPTION_COUNT]; // NULL: not given; "" for those without a value; borrowed from argv
    struct {
        char *items[OPTION_REPEATS_MAX];
        unsigned count;
    } repeated[OPTION_COUNT]; // of those that may be given more than once, all of them
    char *operand;            // the one word that is no option; NULL: none
};

struct options_error {
    char text[160];
};

// Reads `--name VALUE` or `--name=VALUE` of the accepted options, each at most once unless it may be repeated, and at most one operand
// where `operand` names one. 0, or -EINVAL with the error told.
int options_parse(struct options *options, char **argv, unsigned accepted, const char *operand,
                  struct options_error *ret_error);

// "--role user|admin" for usage texts.
const char *option_text(enum option option);
