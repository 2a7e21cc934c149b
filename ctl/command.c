#include "ctl/command.h"

#include <string.h>

#define PASSWORDS (ACCEPT(OPTION_PASSWORD) | ACCEPT(OPTION_PASSWORD_STDIN))

#define EDGE                                                                                                 \
    (ACCEPT(OPTION_HOST) | ACCEPT(OPTION_NODES) | ACCEPT(OPTION_CERTIFICATE) | ACCEPT(OPTION_BIND) |         \
     ACCEPT(OPTION_HTTP_PORT) | ACCEPT(OPTION_HTTPS_PORT) | ACCEPT(OPTION_STATUS_PORT) |                     \
     ACCEPT(OPTION_PEER_PORT) | ACCEPT(OPTION_RUN_DIRECTORY) | ACCEPT(OPTION_LOGIN_RATE) |                   \
     ACCEPT(OPTION_API_RATE) | ACCEPT(OPTION_SOURCE_CONNECTIONS) | ACCEPT(OPTION_CONNECT_TIMEOUT) |          \
     ACCEPT(OPTION_ACME_PORT))

static int print_version(struct context *context)
{
    (void)context;
    puts(SANDBOX_VERSION);
    return STATUS_OK;
}

static int print_help(struct context *context)
{
    (void)context;
    command_print_help(stdout);
    return STATUS_OK;
}

static const struct command table[] = {
    {"user create", ACCEPT(OPTION_USERNAME) | PASSWORDS | ACCEPT(OPTION_ROLE), "NAME", true, false,
     user_create,
     "Create an account; asks for the password unless it is given. Status 3: the name is taken."},
    {"user list", ACCEPT(OPTION_JSON), NULL, true, false, user_list, "Show all accounts."},
    {"user disable", ACCEPT(OPTION_USERNAME), "NAME", true, false, user_disable,
     "Lock an account: ends its sign-ins and sandboxes."},
    {"user enable", ACCEPT(OPTION_USERNAME), "NAME", true, false, user_enable, "Unlock an account."},
    {"user passwd", ACCEPT(OPTION_USERNAME) | PASSWORDS, "NAME", true, false, user_passwd,
     "Set a new password; ends the account's sign-ins."},
    {"sandbox list", ACCEPT(OPTION_ALL) | ACCEPT(OPTION_NODE) | ACCEPT(OPTION_JSON), NULL, true, false,
     sandbox_list, "Show active sandboxes, with --all the ended ones too."},
    {"sandbox show", ACCEPT(OPTION_JSON), "ID", true, false, sandbox_show,
     "Show one sandbox: owner, state, limits, network, use."},
    {"sandbox network", ACCEPT(OPTION_ALLOW) | ACCEPT(OPTION_NONE) | ACCEPT(OPTION_JSON), "ID", true, false,
     sandbox_network,
     "Show what a sandbox may reach, or change it while it runs. Status 6: its node does not answer."},
    {"sandbox limits", ACCEPT(OPTION_MEMORY) | ACCEPT(OPTION_CPU) | ACCEPT(OPTION_PIDS) | ACCEPT(OPTION_JSON),
     "ID", true, false, sandbox_limits,
     "Show a sandbox's limits, or change them while it runs. Status 6: its node does not answer."},
    {"sandbox stop", 0, "ID", true, false, sandbox_stop, "Ask the sandbox's node to stop it."},
    {"migrate", ACCEPT(OPTION_DIRECTORY), NULL, true, false, migrate,
     "Bring the database to this version's schema."},
    {"backup", ACCEPT(OPTION_DIRECTORY) | ACCEPT(OPTION_KEY), NULL, false, false, backup,
     "Write the database and all homes into one encrypted file."},
    {"backup-key", 0, "[FILE]", false, false, backup_key, "Make the key for it; keep a copy elsewhere."},
    {"restore", ACCEPT(OPTION_DIRECTORY) | ACCEPT(OPTION_KEY) | ACCEPT(OPTION_DRY_RUN), "FILE", false, false,
     restore, "Read all of a backup, then put it into an empty system; with --dry-run only read it."},
    {"doctor", ACCEPT(OPTION_DIRECTORY) | ACCEPT(OPTION_JSON), NULL, false, true, doctor,
     "Check this machine, the configuration and the database. Status 1: something fails."},
    {"config check", 0, "[FILE]", false, true, config_check,
     "Tell everything that is wrong with the configuration. Status 1: something is."},
    {"status", ACCEPT(OPTION_JSON), NULL, false, false, node_status,
     "Ask this node how it is. Status 0: ready, 4: not ready, 5: draining, 6: nobody answers."},
    {"top", ACCEPT(OPTION_ONCE), NULL, false, false, top,
     "Show what this node's sandboxes take, live; once with --once or without a terminal."},
    {"drain", ACCEPT(OPTION_NODE) | ACCEPT(OPTION_OFF), NULL, true, false, node_drain,
     "Ask a node to take no new sandboxes until it is started again, or --off."},
    {"haproxy-config", EDGE, NULL, false, true, haproxy_config,
     "Print a configuration of HAProxy for this site name, its nodes and certificates."},
    {"version", 0, NULL, false, true, print_version, "Show the version."},
    {"help", 0, NULL, false, true, print_help, "Show this."},
};

#define COMMAND_COUNT (sizeof(table) / sizeof(table[0]))

// How many words of argv make up the command's words; 0 when they are others.
static int count_words(const char *words, char *const *argv)
{
    int count = 0;
    while (*words) {
        size_t length = strcspn(words, " ");
        if (!argv[count] || strlen(argv[count]) != length || memcmp(argv[count], words, length) != 0)
            return 0;
        count++;
        words += length;
        words += *words == ' ';
    }
    return count;
}

const struct command *command_find(char *const *argv, int *ret_count)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        int count = count_words(table[i].words, argv);
        if (count > 0) {
            *ret_count = count;
            return &table[i];
        }
    }
    return NULL;
}

static void print_synopsis(const struct command *command, FILE *stream)
{
    if (command->operand)
        fprintf(stream, " %s", command->operand);
    for (unsigned option = 0; option < OPTION_COUNT; option++) {
        // The operand stands for it.
        if ((command->accepted & ACCEPT(option)) && option != OPTION_USERNAME)
            fprintf(stream, " [%s]", option_text(option));
    }
}

void command_print_usage(const struct command *command, const char *program, FILE *stream)
{
    fprintf(stream, "usage: %s", program);
    if (strcmp(program, "create-user") == 0)
        fprintf(stream, " --username NAME [--password PASSWORD|--password-stdin] [--role user|admin]");
    else {
        fprintf(stream, " %s", command->words);
        print_synopsis(command, stream);
    }
    fprintf(stream, "\n");
}

void command_print_help(FILE *stream)
{
    fprintf(stream, "usage: sandboxctl [--config FILE] [--secrets FILE] COMMAND\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(stream, "  %s", table[i].words);
        print_synopsis(&table[i], stream);
        fprintf(stream, "\n      %s\n", table[i].text);
    }
    fprintf(stream,
            "\nThe configuration, DATABASE_URL above all, comes from the files and from the environment.\n");
}
