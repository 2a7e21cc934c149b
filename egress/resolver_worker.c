// One worker of the pool (resolver.h): a process of its own that only ever sees names that a policy knows.

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "egress/confinement.h"
#include "egress/resolver.h"
#include "egress/resolver_message.h"
#include "lib/cleanup.h"
#include "lib/ipc.h"
#include "lib/log.h"

static void resolve(const char *name, struct resolver_answer *answer)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return;
    for (const struct addrinfo *entry = found; entry && answer->count < EGRESS_CANDIDATES_MAX;
         entry = entry->ai_next) {
        struct sockaddr_storage socket = {0};
        memcpy(&socket, entry->ai_addr, entry->ai_addrlen);
        answer->count += address_of_socket(&socket, &answer->addresses[answer->count]);
    }
    freeaddrinfo(found);
}

int resolver_work(void)
{
    const char *problem;
    prctl(PR_SET_NAME, "egress-resolver"); // else "exe", which it was executed by
    int error = confinement_of_resolver(&problem);
    if (error) {
        log_error("a name resolver can't be confined", {"layer", problem}, {"error", strerror(-error)});
        return EXIT_FAILURE;
    }
    for (;;) {
        struct resolver_question question;
        struct resolver_answer answer = {0};
        AUTO_PACKET struct ipc_packet packet = {0};
        if (ipc_receive(EGRESS_RESOLVER_FD, &question, sizeof(question), &packet) < 0)
            return EXIT_SUCCESS; // sandbox-egress has ended
        if (packet.length != sizeof(question) || packet.fd_count > 0 ||
            strnlen(question.name, sizeof(question.name)) == sizeof(question.name) ||
            !hostname_canonical(question.name))
            return EXIT_FAILURE;
        answer.serial = question.serial;
        resolve(question.name, &answer);
        if (ipc_send(EGRESS_RESOLVER_FD, &answer, sizeof(answer), NULL, 0) < 0)
            return EXIT_SUCCESS;
    }
}
