#include "supervisor/announce.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/message.h"

static void end_line(struct plan *plan)
{
    if (plan->made_admin)
        printf("  password: %.*s", PASSWORD_LENGTH, plan->password_line);
    printf("\n");
    if (fflush(stdout) != 0)
        say("can't write to stdout (%s)", strerror(errno));
    explicit_bzero(plan->password_line, sizeof(plan->password_line));
}

void announce_ready(struct plan *plan)
{
    const struct settings *settings = plan->settings;
    const char *host = settings_public_host(settings);
    bool literal = strchr(host, ':') != NULL;

    printf("ready: http://%s%s%s:%d  user: admin", literal ? "[" : "", host, literal ? "]" : "",
           (int)config_number(settings->config, CONFIG_PORT));
    end_line(plan);
}

void announce_admin(struct plan *plan)
{
    if (!plan->made_admin)
        return;
    printf("stopped before it was ready  user: admin");
    end_line(plan);
}
