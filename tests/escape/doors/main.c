// Tries every door from where it is started.
//
// usage: sandbox-doors [--json] [--list] [FACT=VALUE...]    facts: host-name, abstract, socket, file, process, port

#include <stddef.h>

#include "tests/escape/doors/run.h"

int main(int argc, char **argv)
{
    return doors_run(argc, argv, NULL);
}
