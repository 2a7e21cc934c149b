#pragma once
// The table of all routes, and what lies outside of it: the files of the web client.

#include "server/exchange.h"
#include "server/http.h"

void routes_find(enum http_site site, enum http_method method, const char *path,
                 struct route_match *ret_match);

// What the request's headers say of the file it wants.
struct file_wish {
    const char *if_none_match;
    bool gzip;
    bool page; // a browser's address bar: who has mistyped gets the client's page, which says so
};

// Answers with a file of the web client, or 404.
void routes_serve_file(struct exchange *exchange, const char *path, const struct file_wish *wish);

// auth_routes.c
int login_prepare(struct exchange *exchange);
int login_work(struct exchange *exchange, struct store *store);
void login_finish(struct exchange *exchange);
int refresh_prepare(struct exchange *exchange);
int refresh_work(struct exchange *exchange, struct store *store);
void refresh_finish(struct exchange *exchange);
int logout_work(struct exchange *exchange, struct store *store);
void logout_finish(struct exchange *exchange);
void me_finish(struct exchange *exchange);

// status_routes.c
void health_finish(struct exchange *exchange);
int ready_work(struct exchange *exchange, struct store *store);
void ready_finish(struct exchange *exchange);
void metrics_finish(struct exchange *exchange);
void templates_finish(struct exchange *exchange);

// usage.c
void usage_finish(struct exchange *exchange);

// sandbox_routes.c
int list_prepare(struct exchange *exchange);
int list_work(struct exchange *exchange, struct store *store);
void list_finish(struct exchange *exchange);
int sandbox_prepare(struct exchange *exchange);
int sandbox_work(struct exchange *exchange, struct store *store);
void get_finish(struct exchange *exchange);
void stop_finish(struct exchange *exchange);
// creation.c
int create_prepare(struct exchange *exchange);
int create_work(struct exchange *exchange, struct store *store);
void create_finish(struct exchange *exchange);
// change_routes.c
struct sandbox;
struct store_sandbox;
int change_prepare(struct exchange *exchange);
int change_work(struct exchange *exchange, struct store *store);
void change_finish(struct exchange *exchange);
// sandbox_routes.c
// True when there is no row to go on with, or another node has it: answered.
bool sandbox_answer_missing(struct exchange *exchange);
void sandbox_answer_wrong_node(struct exchange *exchange, const struct store_sandbox *row);
// The sandbox of the row in `detail`, as long as this node knows of it. NULL: answered.
struct sandbox *sandbox_find_here(struct exchange *exchange);
void sandbox_answer_disconnected(struct exchange *exchange);
int ticket_prepare(struct exchange *exchange);
int ticket_work(struct exchange *exchange, struct store *store);
void ticket_finish(struct exchange *exchange);
// Answers with a new ticket, or why there is none.
struct ticket;
void ticket_answer(struct exchange *exchange, const struct ticket *ticket);

// share_routes.c
int shares_prepare(struct exchange *exchange);
int shares_work(struct exchange *exchange, struct store *store);
void shares_finish(struct exchange *exchange);
int share_prepare(struct exchange *exchange);
int share_work(struct exchange *exchange, struct store *store);
void share_finish(struct exchange *exchange);
int share_change_prepare(struct exchange *exchange);
int share_change_work(struct exchange *exchange, struct store *store);
void share_change_finish(struct exchange *exchange);
int share_revoke_work(struct exchange *exchange, struct store *store);
void share_revoke_finish(struct exchange *exchange);

// audience_routes.c
void viewers_finish(struct exchange *exchange);
void viewer_end_finish(struct exchange *exchange);
int guest_prepare(struct exchange *exchange);
int guest_work(struct exchange *exchange, struct store *store);
void guest_finish(struct exchange *exchange);

// film_routes.c
int film_prepare(struct exchange *exchange);
int film_work(struct exchange *exchange, struct store *store);
void film_status_finish(struct exchange *exchange);
void film_begin_finish(struct exchange *exchange);
int film_data_work(struct exchange *exchange, struct store *store);

// recording_routes.c
void recording_start_finish(struct exchange *exchange);
void recording_stop_finish(struct exchange *exchange);
int recordings_prepare(struct exchange *exchange);
int recordings_work(struct exchange *exchange, struct store *store);
void recordings_finish(struct exchange *exchange);
int recording_data_prepare(struct exchange *exchange);
int recording_data_work(struct exchange *exchange, struct store *store);
void recording_data_finish(struct exchange *exchange);
int recording_index_prepare(struct exchange *exchange);
int recording_index_work(struct exchange *exchange, struct store *store);
void recording_index_finish(struct exchange *exchange);
int recording_delete_prepare(struct exchange *exchange);
int recording_delete_work(struct exchange *exchange, struct store *store);
void recording_delete_finish(struct exchange *exchange);
