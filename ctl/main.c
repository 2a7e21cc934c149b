#include <errno.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/system.h"
#include "lib/cleanup.h"

static void cleanup_config(struct config **config)
{
    config_free(*config);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// Before config_load takes it out.
static const char *find_path(const char *option, char **argv)
{
    for (; argv[0] && argv[1]; argv++) {
        if (strcmp(argv[0], option) == 0)
            return argv[1];
    }
    return NULL;
}

static const struct command *choose(struct context *context, char ***argv)
{
    static const char *const create_user[] = {"user", "create", NULL};
    int count;
    char **words = *argv;
    if (strcmp(context->program, "create-user") == 0)
        return command_find((char *const *)create_user, &count);
    if (*words && (strcmp(*words, "--help") == 0 || strcmp(*words, "--version") == 0))
        *words += 2; // as the commands help and version
    const struct command *command = command_find(words, &count);
    if (command)
        *argv += count;
    return command;
}

static int open_store(struct context *context)
{
    const char *url = config_text(context->config, CONFIG_DATABASE_URL);
    if (!*url) {
        complain(context,
                 "DATABASE_URL is not set: give --config FILE with it (STATE_DIR/config.env), or set it in "
                 "the environment");
        return STATUS_FAILED;
    }
    int error = system_become_service(context);
    if (error) {
        complain(context, "can't become the user sandbox-server: %s", strerror(-error));
        return STATUS_FAILED;
    }
    context->store = store_new(url);
    if (!context->store)
        complain(context, "%s", strerror(ENOMEM));
    return context->store ? STATUS_OK : STATUS_FAILED;
}

static int run(struct context *context, const struct command *command)
{
    if (context->config_problem && !command->any_config) {
        complain(context, "%s", context->config_problem);
        return STATUS_FAILED;
    }
    int status = command->database ? open_store(context) : STATUS_OK;
    return status ? status : command->run(context);
}

int main(int argc, char **argv)
{
    struct context context = {.program = base_name(argc > 0 ? argv[0] : "sandboxctl"),
                              .config_path = find_path("--config", argv),
                              .secrets_path = find_path("--secrets", argv)};
    CLEANUP(cleanup_config) struct config *config = config_new();
    if (!config) {
        complain(&context, "%s", strerror(ENOMEM));
        return STATUS_FAILED;
    }
    struct config_error problem;
    context.config = config;
    if (system_configuration(&context, &problem) || config_load(config, &argc, argv, &problem))
        context.config_problem = problem.text;

    char **words = argv + (argc > 0);
    const struct command *command = choose(&context, &words);
    if (!command) {
        if (*words)
            complain(&context, "%s: no such command", *words);
        command_print_help(stderr);
        return STATUS_USAGE;
    }
    if (*words && strcmp(*words, "--help") == 0) {
        command_print_usage(command, context.program, stdout);
        printf("      %s\n", command->text);
        return STATUS_OK;
    }
    struct options_error error;
    if (options_parse(&context.options, words, command->accepted, command->operand, &error)) {
        complain(&context, "%s", error.text);
        command_print_usage(command, context.program, stderr);
        return STATUS_USAGE;
    }
    int status = run(&context, command);
    store_free(context.store);
    if (fflush(stdout) && status == STATUS_OK) {
        complain(&context, "%s", strerror(errno));
        return STATUS_FAILED;
    }
    return status;
}
