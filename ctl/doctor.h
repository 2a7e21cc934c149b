#pragma once
// Findings of `sandboxctl doctor`.

#include <stdint.h>

#include "ctl/context.h"
#include "lib/isolation.h"

enum verdict { VERDICT_OK, VERDICT_WEAK, VERDICT_FAILED };

struct findings;

// Notes one finding; the detail says what to do when it is not ok.
__attribute__((format(printf, 4, 5))) void found(struct findings *findings, enum verdict verdict,
                                                 const char *name, const char *detail, ...);

void check_kernel(struct context *context, struct findings *findings);
void check_configuration(struct context *context, struct findings *findings);
void check_secret(struct context *context, struct findings *findings);
void check_database(struct context *context, struct findings *findings);
void check_web_root(struct context *context, struct findings *findings);
void check_storage(struct context *context, struct findings *findings);
void check_host(struct context *context, struct findings *findings);
void check_tls(struct context *context, struct findings *findings);
void check_certificate(struct context *context, struct findings *findings);
void check_clock(struct context *context, struct findings *findings);
void check_modes(struct context *context, struct findings *findings);
void check_backups(struct context *context, struct findings *findings);
void check_pool(struct context *context, struct findings *findings);
void check_video(struct context *context, struct findings *findings);
void check_isolation(struct context *context, struct findings *findings);
void check_apparmor(struct context *context, struct findings *findings);
void check_running_programs(struct context *context, struct findings *findings);

// A layer that is not on: failed when sandboxd refuses to start without it, which SANDBOX_LAYERS_REQUIRED may name (or say "all"), else weak.
enum verdict layer_verdict(const char *required, enum layer layer, enum layer_state state);
// What to make of adjtimex(2): its result (-1: it failed), and the status that it tells.
enum verdict clock_verdict(int result, int status);
// What to make of a certificate that ends at `expiry` (0: it can't be read), both in seconds since 1970.
enum verdict certificate_verdict(uint64_t expiry, uint64_t now);
// What to make of a kernel release as uname(2) tells it ("6.1.0-18-amd64").
enum verdict kernel_verdict(const char *release);
