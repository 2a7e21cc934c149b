#include "lib/log.h"
#include "server/server.h"

void server_drain(struct server *server, bool drain)
{
    if (server->draining == drain)
        return;
    server->draining = drain;
    if (drain)
        log_info("Draining: sandboxes that run stay, no new one is started");
    else
        log_info("No longer draining");
}
