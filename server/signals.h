#pragma once
// What an operator says by signals: TERM and INT stop, HUP reads the configuration again, USR1 drains, USR2 ends the draining.

struct server;
struct signals;

int signals_new(struct server *server, struct signals **ret_signals);
void signals_free(struct signals *signals);
