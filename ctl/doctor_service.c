// doctor: the host's settings, what others reach, the clock, backups.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "ctl/host_checks.h"
#include "lib/cleanup.h"
#include "server/certificate.h"
#include "store/snapshot.h"

#define BACKUP_OLD_HOURS 26 // a daily one, and its time
#define HOUR_US INT64_C(3600000000)
#define DAY_SECONDS 86400u
#define CERTIFICATE_DAYS 14u // as the alert CertificateEnds has it

void check_host(struct context *context, struct findings *findings)
{
    AUTO_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct host_finding rows[HOST_FINDINGS_MAX];
    struct host_question question = {
        .root = root,
        .sandboxes = (uint64_t)config_number(context->config, CONFIG_SANDBOX_MAX_PER_NODE),
        .ports = {{(uint16_t)config_number(context->config, CONFIG_PORT), "sandbox-server",
                   "set HOST=127.0.0.1 behind a proxy (sandboxctl haproxy-config)"},
                  {(uint16_t)config_number(context->config, CONFIG_METRICS_PORT), "/metrics",
                   "ours listens on 127.0.0.1 alone: find who took the port"},
                  {5432, "PostgreSQL", "set listen_addresses = 'localhost' in postgresql.conf"}}};
    size_t count = host_checks(&question, rows);
    for (size_t i = 0; i < count; i++)
        found(findings, rows[i].verdict, rows[i].name, "%s", rows[i].detail);
}

static bool host_is_loopback(const char *host)
{
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
}

void check_tls(struct context *context, struct findings *findings)
{
    const char *host = config_text(context->config, CONFIG_HOST);
    const char *origins = config_text(context->config, CONFIG_ALLOWED_ORIGINS);
    if (!host_is_loopback(host))
        return found(findings, VERDICT_FAILED, "TLS",
                     "HOST is %s: passwords would cross the network in the clear; set HOST=127.0.0.1 and put "
                     "a proxy with "
                     "TLS before it (sandboxctl haproxy-config)",
                     host);
    if (strstr(origins, "http://"))
        return found(findings, VERDICT_WEAK, "TLS",
                     "ALLOWED_ORIGINS permits pages without TLS; write https:// there");
    if (!*origins)
        return found(findings, VERDICT_WEAK, "TLS",
                     "ALLOWED_ORIGINS names no origin: fine on this machine alone; behind a proxy write "
                     "ALLOWED_ORIGINS=https://YOUR.NAME");
    found(findings, VERDICT_OK, "TLS", "%s behind %s", host, origins);
    if (!*config_text(context->config, CONFIG_TRUSTED_PROXIES))
        found(findings, VERDICT_WEAK, "proxy",
              "TRUSTED_PROXIES is empty: all users count as one source, and a few wrong passwords lock "
              "everybody out; write TRUSTED_PROXIES=127.0.0.1 (the proxy's address as it is seen here), then "
              "run: systemctl reload sandbox-server");
}

enum verdict certificate_verdict(uint64_t expiry, uint64_t now)
{
    if (expiry <= now)
        return VERDICT_FAILED;
    return expiry - now < CERTIFICATE_DAYS * DAY_SECONDS ? VERDICT_WEAK : VERDICT_OK;
}

void check_certificate(struct context *context, struct findings *findings)
{
    const char *path = config_text(context->config, CONFIG_CERTIFICATE_FILE);
    if (!*path)
        return;
    uint64_t expiry = certificate_expiry(path), now = (uint64_t)time(NULL);
    enum verdict verdict = certificate_verdict(expiry, now);
    if (!expiry)
        return found(findings, verdict, "certificate",
                     "%s is no certificate that can be read; it is the NAME.crt that "
                     "haproxy/certbot-deploy-hook leaves beside NAME.pem; run: chmod 644 %s",
                     path, path);
    if (expiry <= now)
        return found(findings, verdict, "certificate", "%s has ended; run: certbot renew", path);
    found(findings, verdict, "certificate", "%s ends in %" PRIu64 " days%s", path,
          (expiry - now) / DAY_SECONDS, verdict == VERDICT_OK ? "" : "; run: certbot renew");
}

enum verdict clock_verdict(int result, int status)
{
    return result < 0 || result == TIME_ERROR || (status & STA_UNSYNC) ? VERDICT_WEAK : VERDICT_OK;
}

void check_clock(struct context *context, struct findings *findings)
{
    (void)context;
    struct timex state = {0};
    int result = adjtimex(&state);
    enum verdict verdict = clock_verdict(result, state.status);
    if (result < 0)
        found(findings, verdict, "clock", "adjtimex: %s", strerror(errno));
    else if (verdict != VERDICT_OK)
        found(findings, verdict, "clock",
              "not synchronised: tokens and time limits go by it; run: timedatectl set-ntp true");
    else
        found(findings, verdict, "clock", "synchronised, %ld us at most off", state.maxerror);
}

static void check_modes_of(struct findings *findings, const char *name, const char *path, unsigned forbidden,
                           int64_t owner, const char *maker)
{
    struct host_finding finding;
    if (!path || !*path)
        return;
    host_check_mode(path, forbidden, owner, maker, &finding);
    found(findings, finding.verdict, name, "%s", finding.detail);
}

void check_modes(struct context *context, struct findings *findings)
{
    static const char tmpfiles[] = "systemd-tmpfiles --create sandbox-server.conf";
    struct config *config = context->config;
    check_modes_of(findings, "config file", context->config_path, 022, 0, "dpkg-reconfigure sandbox-server");
    if (context->packaged)
        check_modes_of(findings, "credentials", SYSTEM_CONFIG_DIR "/credentials", 077, 0, tmpfiles);
    check_modes_of(findings, "homes", config_text(config, CONFIG_FILE_STORAGE_PATH), 022, -1, tmpfiles);
    check_modes_of(findings, "backup key", config_text(config, CONFIG_BACKUP_KEY_FILE), 077, 0,
                   "sandboxctl backup-key");
    check_modes_of(findings, "backup directory", config_text(config, CONFIG_BACKUP_DIRECTORY), 077, 0,
                   tmpfiles);
}

static void cleanup_store(struct store **store)
{
    store_free(*store);
}

void check_backups(struct context *context, struct findings *findings)
{
    int64_t last;
    struct timespec now;
    const char *url = config_text(context->config, CONFIG_DATABASE_URL);
    if (!*url)
        return; // check_database says so
    CLEANUP(cleanup_store) struct store *store = store_new(url);
    int error =
        store ? store_backup_last(store, config_text(context->config, CONFIG_NODE_ID), &last) : -ENOMEM;
    if (error)
        return found(findings, VERDICT_WEAK, "backups", "not known while the database can't be asked");
    if (last == 0)
        return found(findings, VERDICT_WEAK, "backups",
                     "there is none of this node; run: sandboxctl backup-key (keep a copy elsewhere), then: "
                     "sandboxctl backup");
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t hours = ((int64_t)now.tv_sec * 1000000 - last) / HOUR_US;
    bool old = hours > BACKUP_OLD_HOURS;
    found(findings, old ? VERDICT_WEAK : VERDICT_OK, "backups", "the last one is %" PRId64 " hours old%s",
          hours,
          old ? "; look at: systemctl status sandbox-server-backup.timer, then run: sandboxctl backup" : "");
}
