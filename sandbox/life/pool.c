#include "sandbox/life/pool.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "sandbox/daemon/client.h"
#include "sandbox/executor/launch.h"
#include "sandbox/executor/spawner.h"
#include "sandbox/life/pool_rules.h"
#include "sandbox/life/sandbox.h"
#include "sandbox/life/template.h"

#define STARTS_FIRST_US 2000000u // one that takes longer, whatever keeps it, keeps the pool no longer empty

struct pool {
    struct service *service;
    struct pool_rules rules;
    struct spawner spawner;
    struct pool_row spawner_row; // its own starts, by the same rule
    struct watch process, channel, timer;
    uint64_t files[TEMPLATE_COUNT]; // of the host, that those of a template show which are built now
    uint32_t foundation_error;      // positive errno: why the spawner has no foundation
    bool changed;
    struct sandboxd_pool told;
};

static void start_spawner(struct pool *pool);

static void fill_message(const struct pool *pool, struct sandboxd_pool *ret)
{
    struct sandboxd_pool told = {.memory_mb = pool->rules.memory_mb,
                                 .held_mb = (uint32_t)pool_held_mb(&pool->rules),
                                 .foundation_error = pool->foundation_error};
    for (unsigned i = 0; i < TEMPLATE_COUNT; i++) {
        const struct pool_row *row = &pool->rules.rows[i];
        told.rows[i] = (struct sandboxd_pool_row){
            .size = row->size, .ready = row->ready, .building = row->others, .losses = row->losses};
    }
    *ret = told;
}

static void count(struct pool *pool)
{
    struct pool_rules *rules = &pool->rules;
    rules->starting_us = 0;
    for (unsigned i = 0; i < TEMPLATE_COUNT; i++)
        rules->rows[i].ready = rules->rows[i].others = 0;
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        const struct sandbox *sandbox = pool->service->sandboxes[i];
        if (!sandbox)
            continue;
        uint64_t first_us = sandbox->created_us + STARTS_FIRST_US;
        bool starting = sandbox->state != SANDBOX_READY && sandbox->state != SANDBOX_ENDING;
        if (sandbox_has_owner(sandbox))
            rules->starting_us = starting && first_us > rules->starting_us ? first_us : rules->starting_us;
        else if (sandbox->state == SANDBOX_PARKED)
            rules->rows[sandbox->request.template_id].ready++;
        else
            rules->rows[sandbox->request.template_id].others++;
    }
}

void pool_tell(struct service *service)
{
    if (!service->pool)
        return;
    struct sandboxd_message message = {.kind = SANDBOXD_POOL};
    count(service->pool);
    fill_message(service->pool, &message.pool);
    service->pool->told = message.pool;
    client_send(service, &message, -1);
}

static void tell_changes(struct pool *pool)
{
    struct sandboxd_pool now;
    fill_message(pool, &now);
    if (memcmp(&now, &pool->told, sizeof(now)) != 0)
        pool_tell(pool->service);
}

static void set_timer(struct pool *pool, uint64_t at_us)
{
    struct itimerspec at = {.it_interval = {0}};
    if (at_us != POOL_NEVER)
        at.it_value =
            (struct timespec){.tv_sec = (time_t)(at_us / 1000000), .tv_nsec = (long)(at_us % 1000000 * 1000)};
    if (timerfd_settime(pool->timer.fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
        log_error("can't set the timer of the parked sandboxes", {"error", strerror(errno)});
}

static void on_timer(struct watch *watch, uint32_t events)
{
    (void)events;
    struct pool *pool = CONTAINER_OF(watch, struct pool, timer);
    uint64_t expirations;
    if (read(watch->fd, &expirations, sizeof(expirations)) != (ssize_t)sizeof(expirations))
        return;
    pool->changed = true;
}

static void lost(struct pool *pool, unsigned template_id, uint64_t lived_us)
{
    struct pool_row *row = &pool->rules.rows[template_id];
    uint64_t now = sandbox_now_us();
    char wait[24];
    pool_lost(row, now, lived_us);
    snprintf(wait, sizeof(wait), "%llu", (unsigned long long)(row->wait_us - now) / 1000);
    log_warning("a parked sandbox was lost", {"template", template_of(template_id)->name},
                {"next_after_ms", wait});
}

void pool_ended(const struct sandbox *sandbox)
{
    struct pool *pool = sandbox->service->pool;
    if (!pool || sandbox->service->stopping)
        return;
    if (sandbox->renewed)
        pool_renewed(&pool->rules.rows[sandbox->request.template_id], sandbox_now_us());
    else
        lost(pool, sandbox->request.template_id, sandbox_now_us() - sandbox->created_us);
    pool->changed = true;
}

static void on_answer(struct watch *watch, uint32_t events)
{
    (void)events;
    struct pool *pool = CONTAINER_OF(watch, struct pool, channel);
    struct spawn_answer answer;
    int builder;
    int error = spawner_receive(&pool->spawner, &answer, &builder);
    if (error == -EAGAIN)
        return;
    if (error) {
        watch_close(watch); // its end tells the rest
        pool->spawner.channel = -1;
        return;
    }
    pool->changed |= pool->foundation_error != (uint32_t)answer.foundation_error;
    pool->foundation_error = (uint32_t)answer.foundation_error;
    if (answer.slot == SPAWN_NO_SLOT) {
        pool->files[answer.template_id] = answer.files;
        pool->changed = true;
        return;
    }
    struct sandbox *sandbox = answer.slot < SANDBOX_SLOTS ? pool->service->sandboxes[answer.slot] : NULL;
    if (!sandbox || !sandbox->spawning)
        abort(); // it stays until its answer came
    sandbox->files = pool->files[answer.template_id];
    sandbox_spawned(sandbox, builder, answer.error);
}

static void on_spawner_ended(struct watch *watch, uint32_t events)
{
    (void)events;
    struct pool *pool = CONTAINER_OF(watch, struct pool, process);
    struct service *service = pool->service;
    int status;
    if (launch_reap(watch->fd, &status) == 0)
        return;
    watch_close(watch);
    watch_close(&pool->channel);
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        if (service->sandboxes[i] && service->sandboxes[i]->spawning)
            sandbox_spawn_lost(service->sandboxes[i], pool->spawner.group);
    }
    if (service->stopping)
        return;
    pool_lost(&pool->spawner_row, sandbox_now_us(), 0);
    log_warning("the spawner of parked sandboxes ended; it is started again");
    pool->changed = true;
}

static void start_spawner(struct pool *pool)
{
    struct service *service = pool->service;
    struct spawner_setup setup = {
        .host = &service->host, .cgroups = &service->cgroups, .null_fd = service->null_fd};
    if (service->host.own_uids)
        setup.ids = (struct foundation_ids){.first = service->settings->uid_base + HOST_UID_PARKED,
                                            .count = HOST_UID_PARKED_COUNT};
    int error = spawner_start(&setup, &pool->spawner);
    if (!error) {
        error = watch_open(&pool->channel, service->epoll, pool->spawner.channel, EPOLLIN, on_answer);
        int result =
            watch_open(&pool->process, service->epoll, pool->spawner.pidfd, EPOLLIN, on_spawner_ended);
        error = error ? error : result;
    }
    if (!error)
        return;
    log_error("can't start the spawner of parked sandboxes", {"error", strerror(-error)});
    watch_close(&pool->channel);
    watch_close(&pool->process);
    pool_lost(&pool->spawner_row, sandbox_now_us(), 0);
}

static int park(struct pool *pool, unsigned template_id)
{
    struct sandbox_limits limits = template_parked_limits(template_id, pool->service->settings);
    return sandbox_park(pool->service, &pool->spawner, template_id, &limits);
}

// Those that show files which the host has replaced since are ended. Who is being built meanwhile has the new ones.
static void end_outdated(struct pool *pool)
{
    for (unsigned i = 0; i < SANDBOX_SLOTS; i++) {
        struct sandbox *sandbox = pool->service->sandboxes[i];
        if (!sandbox || sandbox_has_owner(sandbox) || sandbox->state == SANDBOX_ENDING || sandbox->spawning ||
            sandbox->files == pool->files[sandbox->request.template_id])
            continue;
        log_info("a parked sandbox shows files that the host has replaced; another one is built",
                 {"template", template_of(sandbox->request.template_id)->name});
        sandbox->renewed = true;
        sandbox_stop(sandbox, STOP_SHUTDOWN);
    }
}

void pool_run(struct service *service)
{
    struct pool *pool = service->pool;
    if (!pool || !pool->changed || service->stopping)
        return;
    end_outdated(pool);
    pool->changed = false;
    count(pool);
    uint64_t now = sandbox_now_us();
    if (pool->process.fd < 0 && pool->spawner_row.wait_us <= now)
        start_spawner(pool);
    uint64_t again = pool->spawner_row.wait_us; // without a spawner
    if (pool->channel.fd >= 0) {
        int next = pool_next(&pool->rules, now, &again);
        int error = next == POOL_NONE ? 0 : park(pool, (unsigned)next);
        if (error) {
            log_error("can't park a sandbox", {"error", strerror(-error)});
            lost(pool, (unsigned)next, 0);
            pool->changed = false;
            again = pool->rules.rows[next].wait_us;
        }
        count(pool);
    }
    set_timer(pool, again);
    tell_changes(pool);
}

void pool_touch(struct service *service)
{
    if (service->pool)
        service->pool->changed = true;
}

const struct spawner *pool_spawner(const struct service *service)
{
    struct pool *pool = service->pool;
    struct pollfd channel = {.fd = pool ? pool->channel.fd : -1, .events = POLLOUT};
    bool takes = poll(&channel, 1, 0) == 1 && channel.revents == POLLOUT;
    return takes ? &pool->spawner : NULL;
}

void pool_take_mounts(struct service *service, int mounts)
{
    AUTO_FD int here = mounts;
    if (here >= 0 && service->pool && service->pool->channel.fd >= 0)
        spawner_drop(&service->pool->spawner,
                     here); // when it takes no more, this process is the last that has it
}

struct sandbox *pool_choose(const struct service *service, unsigned template_id)
{
    for (unsigned i = 0; service->pool && i < SANDBOX_SLOTS; i++) {
        struct sandbox *sandbox = service->sandboxes[i];
        if (sandbox && sandbox->state == SANDBOX_PARKED && sandbox->request.template_id == template_id)
            return sandbox;
    }
    return NULL;
}

void pool_claimed(struct service *service, unsigned template_id)
{
    if (!service->pool)
        return;
    pool_used(&service->pool->rules.rows[template_id]);
    pool_used(&service->pool->spawner_row);
    service->pool->changed = true;
}

static void warn_of_memory(const struct pool *pool)
{
    for (unsigned i = 0; i < TEMPLATE_COUNT; i++) {
        char fitting[16];
        snprintf(fitting, sizeof(fitting), "%u", pool_fitting(&pool->rules, i));
        if (pool_fitting(&pool->rules, i) < pool->rules.rows[i].size)
            log_warning("SANDBOX_POOL_MEMORY_MB does not hold as many parked sandboxes as are wanted",
                        {"template", template_of(i)->name}, {"held", fitting});
    }
}

static int open_all(struct pool *pool)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    int error = watch_open(&pool->timer, pool->service->epoll, fd, EPOLLIN, on_timer);
    if (!error)
        start_spawner(pool);
    return error;
}

int pool_open(struct service *service)
{
    const struct settings *settings = service->settings;
    struct pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    const struct watch closed = WATCH_CLOSED;
    pool->service = service;
    pool->process = pool->channel = pool->timer = closed;
    pool->changed = true;
    pool->rules.memory_mb = (uint32_t)config_number(settings->config, CONFIG_SANDBOX_POOL_MEMORY_MB);
    unsigned wanted = 0;
    for (unsigned i = 0; i < TEMPLATE_COUNT; i++) {
        struct pool_row *row = &pool->rules.rows[i];
        row->size = (unsigned)config_number(settings->config, template_of(i)->pool_size);
        row->memory_mb = template_parked_limits(i, settings).memory_mb;
        // A home must not change its uid while something of an earlier run may be in it, which only groups can rule out.
        if (row->size > 0 && template_of(i)->desktop && service->host.own_uids && !service->host.cgroups) {
            log_warning("no desktop is parked: there are no control groups that prove homes unused");
            row->size = 0;
        }
        wanted += row->size;
    }
    if (wanted == 0) {
        free(pool);
        return 0;
    }
    service->pool = pool;
    // Desktops take longer to start than groups to be made.
    service->stock.limits = template_parked_limits(TEMPLATE_CODE, settings);
    service->stock.wanted = pool->rules.rows[TEMPLATE_CODE].size > 0 ? CGROUP_STOCK_READY : 0;
    warn_of_memory(pool);
    return open_all(pool);
}

void pool_close(struct service *service)
{
    struct pool *pool = service->pool;
    if (!pool)
        return;
    watch_close(&pool->channel); // the spawner ends with it
    siginfo_t info;
    while (pool->process.fd >= 0 && waitid(P_PIDFD, (id_t)pool->process.fd, &info, WEXITED) < 0 &&
           errno == EINTR)
        ;
    watch_close(&pool->process);
    watch_close(&pool->timer);
    free(steal_pointer(&service->pool));
}
