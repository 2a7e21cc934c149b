#include "supervisor/announce.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/message.h"

void announce(struct plan *plan)
{
    const struct settings *settings = plan->settings;
    const char *host = settings_public_host(settings);
    bool literal = strchr(host, ':') != NULL; // an IPv6 address stands in brackets: RFC 3986, section 3.2.2

    printf("ready: http://%s%s%s:%d  user: admin", literal ? "[" : "", host, literal ? "]" : "",
           (int)config_number(settings->config, CONFIG_PORT));
    if (plan->made_admin)
        printf("  password: %.*s", PASSWORD_LENGTH, plan->password_line);
    printf("\n");
    if (fflush(stdout) != 0)
        say("can't write to stdout (%s)", strerror(errno));
    explicit_bzero(plan->password_line, sizeof(plan->password_line));
}
