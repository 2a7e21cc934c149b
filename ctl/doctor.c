#include "ctl/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "ctl/command.h"
#include "ctl/listing.h"

struct findings {
    json_t *rows;
    bool failed;
    bool out_of_memory;
};

static const char *const verdict_names[] = {
    [VERDICT_OK] = "ok", [VERDICT_WEAK] = "weak", [VERDICT_FAILED] = "failed"};

static void (*const checks[])(struct context *, struct findings *) = {
    check_kernel,           check_host,  check_configuration, check_secret,  check_modes,     check_tls,
    check_certificate,      check_clock, check_web_root,      check_storage, check_isolation, check_apparmor,
    check_running_programs, check_pool,  check_video,
    check_database, // from there on root is the service's user
    check_backups,
};

void found(struct findings *findings, enum verdict verdict, const char *name, const char *detail, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(text, sizeof(text), detail, arguments);
    va_end(arguments);
    json_t *row =
        json_pack("{s:s, s:s, s:s}", "state", verdict_names[verdict], "check", name, "detail", text);
    if (json_array_append_new(findings->rows, row))
        findings->out_of_memory = true;
    findings->failed |= verdict == VERDICT_FAILED;
}

static void print_text(const json_t *rows)
{
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        printf("%-6s  %-24s  %s\n", json_string_value(json_object_get(row, "state")),
               json_string_value(json_object_get(row, "check")),
               json_string_value(json_object_get(row, "detail")));
    }
}

int doctor(struct context *context)
{
    struct findings findings = {.rows = json_array()};
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        checks[i](context, &findings);
    if (findings.out_of_memory) {
        json_decref(findings.rows);
        return complain_store(context, -ENOMEM);
    }
    if (context->options.values[OPTION_JSON]) {
        listing_print(findings.rows, NULL, 0, true);
    } else {
        print_text(findings.rows);
        json_decref(findings.rows);
    }
    return findings.failed ? STATUS_FAILED : STATUS_OK;
}
