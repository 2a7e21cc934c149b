// When the next update is made, and of what.

#include <errno.h>

#include "streaming/clock.h"
#include "streaming/viewer_private.h"

#define ECHO_AFTER_US UINT64_C(500000) // later than this, a change is no answer to input

// Shortly after input, small changes wait neither for the pace nor for a moving picture to be encoded. They are looked for once per
// frame at most. ret_begun: the region was asked for, or something was sent.
static int advance_echo(struct viewer *v, uint64_t now_us, bool *ret_begun, uint64_t *ret_wake)
{
    *ret_begun = false;
    if (now_us - v->input_us > ECHO_AFTER_US || !pace_permits_echo(&v->update.pace))
        return 0;
    if (v->echo_us > now_us) {
        *ret_wake = v->echo_us;
        return 0;
    }
    if (v->damage.reported) {
        damage_request(&v->damage, &v->display);
        *ret_begun = true;
        return 0;
    }
    v->echo_us = now_us + v->update.pace.interval_min_us;
    struct update_moment moment = {
        .now_us = now_us, .damaged_us = v->damage.fetched_us, .input = v->input.handled};
    uint32_t before = v->update.sequence;
    int error = update_echo(&v->update, &moment);
    *ret_begun = v->update.sequence != before;
    return error;
}

// Sends what has changed, once its region is known. ret_wake: when to look again.
static int advance_damage(struct viewer *v, uint64_t now_us, uint64_t wait, uint64_t *ret_wake)
{
    if (wait > 0) {
        *ret_wake = wait == PACE_FOREVER ? NEVER : now_us + wait;
        return 0;
    }
    if (v->damage.reported && !v->damage.fetched) {
        damage_request(&v->damage, &v->display);
        return 0;
    }
    struct update_moment moment = {.now_us = now_us,
                                   .damaged_us = v->damage.fetched ? v->damage.fetched_us : 0,
                                   .input = v->input.handled};
    v->damage.fetched = false;
    int error = update_damage(&v->update, &moment);
    // Damage may turn out to have changed no pixel; then nothing is sent that would wake the loop for the repairs still owed.
    if (!error && update_repairs(&v->update))
        *ret_wake = v->update.repair_us;
    return error;
}

static int advance_repair(struct viewer *v, uint64_t now_us, uint64_t wait, uint64_t *ret_wake)
{
    struct update *u = &v->update;
    if (wait == PACE_FOREVER || !pace_permits_repair(&u->pace))
        return 0; // an acknowledgement will wake the loop
    uint64_t due = u->repair_us > now_us + wait ? u->repair_us : now_us + wait;
    *ret_wake = due;
    if (due > now_us)
        return 0;
    struct update_moment moment = {.now_us = now_us, .input = v->input.handled};
    int error = update_repair(u, &moment);
    *ret_wake = u->repair_us;
    return error;
}

int viewer_follow_size(struct viewer *v, uint64_t now_us, uint64_t *ret_wake)
{
    if (v->resize.answer && viewer_put_display(v))
        return -EMSGSIZE;
    v->resize.answer = false;
    if (!v->resize.changed || v->damage.requested)
        return 0;
    if (now_us < v->resize.apply_us) {
        *ret_wake = v->resize.apply_us;
        return 0;
    }
    v->resize.changed = false;
    v->resize.apply_us = now_us + RESIZE_APPLY_US;
    int error = update_resize(&v->update, v->resize.width, v->resize.height);
    return error ? error : viewer_put_display(v);
}

int viewer_make_update(struct viewer *v, uint64_t now_us, uint64_t *ret_wake)
{
    if (v->damage.requested)
        return 0;
    bool damaged = v->damage.reported || v->damage.fetched, begun = false;
    uint64_t echo_wake = NEVER;
    int error = damaged ? advance_echo(v, now_us, &begun, &echo_wake) : 0;
    if (error || begun)
        return error;
    uint64_t wait = pace_wait(&v->update.pace, now_us);
    if (damaged || v->update.key_needed) {
        error = advance_damage(v, now_us, wait, ret_wake);
        *ret_wake = earlier(*ret_wake, v->damage.reported || v->damage.fetched ? echo_wake : NEVER);
        return error;
    }
    if (update_repairs(&v->update))
        return advance_repair(v, now_us, wait, ret_wake);
    return 0;
}
