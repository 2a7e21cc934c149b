// Whose host uid a home has, and which sandboxes use it.

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sandbox/home/home.h"
#include "sandbox/life/sandbox.h"
#include "sandbox/life/template.h"

struct sandbox *sandbox_of_owner(struct service *service, const struct id *owner)
{
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        struct sandbox *sandbox = service->sandboxes[i];
        if (sandbox_has_owner(sandbox) && sandbox->state != SANDBOX_WAITING &&
            template_of(sandbox->request.template_id)->desktop && id_equal(&sandbox->request.owner, owner))
            return sandbox;
    }
    return NULL;
}

// Two homes with one uid (a backup of another node put back, say) must not meet in two sandboxes.
static bool used_by_another(const struct service *service, uid_t uid, const struct id *owner)
{
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        const struct sandbox *sandbox = service->sandboxes[i];
        if (sandbox && sandbox->state != SANDBOX_WAITING && sandbox->host_uid == uid &&
            !id_equal(&sandbox->request.owner, owner))
            return true;
    }
    return false;
}

static uid_t uid_of_home(struct service *service, const struct sandboxd_create *request)
{
    uid_t own = service->settings->uid_base + request->account_number;
    char name[ID_TEXT_SIZE];
    struct home_state state;
    id_format(&request->owner, name);
    AUTO_FD int storage = open(service->settings->storage, O_PATH | O_DIRECTORY | O_CLOEXEC);
    // Whatever else stands there, the plan refuses it by this uid.
    if (storage < 0 || home_look(storage, name, &state) < 0 || !uids_is_parked(&service->uids, state.owner))
        return own;
    return state.owner;
}

int sandbox_find_uid(struct service *service, const struct sandboxd_create *request, uid_t *ret_uid)
{
    if (!service->host.own_uids) {
        *ret_uid = geteuid();
        return 0;
    }
    const struct sandbox *other = sandbox_of_owner(service, &request->owner);
    // One whose claim failed may have gone without the home being its own.
    uid_t uid = other && !other->again ? other->host_uid : uid_of_home(service, request);
    if (used_by_another(service, uid, &request->owner))
        return -EPERM;
    *ret_uid = uid;
    return 0;
}
