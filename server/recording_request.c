#include "server/recording_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "server/server.h"

// NULL: whoever's, for administrators.
const struct id *recording_owner_of(const struct exchange *exchange)
{
    return exchange->account.role == ROLE_ADMIN ? NULL : &exchange->account.id;
}

const char *recording_directory_of(const struct exchange *exchange)
{
    return config_text(exchange->server->config, CONFIG_RECORDINGS_DIR);
}

bool recording_answer_failed(struct exchange *exchange)
{
    if (!exchange->error)
        return false;
    if (exchange->error == -ENOENT)
        exchange_problem(exchange, PROBLEM_NOT_FOUND, "You have no such recording.");
    else if (exchange->error == -EBUSY)
        exchange_problem(exchange, PROBLEM_CONFLICT, "It is still being recorded.");
    else if (exchange->error == -ERANGE)
        exchange_problem(exchange, PROBLEM_RANGE, "The recording ends before that.");
    else if (exchange->error == -EPROTO || exchange->error == -EFBIG)
        exchange_problem(exchange, PROBLEM_NOT_FOUND, "The file is no recording of this version.");
    else
        exchange_problem_later(exchange, PROBLEM_UNAVAILABLE, 5, "The recordings can't be read now.");
    return true;
}

#define DIGITS "0123456789"
#define DIGITS_MAX 18 // fits into 63 bits

// "bytes=a-b" or "bytes=a-" (RFC 9110 section 14.1.2), nothing else.
static bool take_range(const char *text, struct recording_part *part)
{
    static const char unit[] = "bytes=";
    if (strncmp(text, unit, sizeof(unit) - 1) != 0)
        return false;
    const char *first = text + sizeof(unit) - 1;
    size_t first_length = strspn(first, DIGITS);
    const char *last = first + first_length + 1;
    if (first_length < 1 || first_length > DIGITS_MAX || first[first_length] != '-')
        return false;
    size_t last_length = strspn(last, DIGITS);
    if (last_length > DIGITS_MAX || last[last_length])
        return false;
    part->from = strtoull(first, NULL, 10);
    uint64_t to = last_length ? strtoull(last, NULL, 10) : UINT64_MAX;
    if (to < part->from)
        return false;
    part->length =
        to - part->from < RECORDING_RANGE_MAX ? (size_t)(to - part->from) + 1 : RECORDING_RANGE_MAX;
    return true;
}

int recording_take_range(struct exchange *exchange)
{
    struct recording_part *part = exchange_detail(exchange, sizeof(*part));
    if (!part)
        return -1;
    if (take_range(exchange->range, part))
        return 0;
    exchange_problem(exchange, PROBLEM_BAD_REQUEST, "Ask for one range: Range: bytes=<first>-<last>.");
    return -1;
}

int recording_read_range(struct exchange *exchange, enum recording_kind kind)
{
    struct recording_part *part = exchange->detail;
    return recordings_read(recording_directory_of(exchange), recording_owner_of(exchange), &exchange->id,
                           kind, part->from, &part->bytes, &part->length, &part->size);
}

void recording_answer_bytes(struct exchange *exchange, unsigned status)
{
    struct recording_part *part = exchange->detail;
    struct answer *answer = &exchange->answer;
    answer->status = status;
    answer->content_type = "application/octet-stream";
    answer->owned = steal_pointer(&part->bytes);
    answer->body = answer->owned;
    answer->length = part->length;
    exchange_answer(exchange);
}

void recording_answer_range(struct exchange *exchange)
{
    const struct recording_part *part = exchange->detail;
    if (recording_answer_failed(exchange))
        return;
    snprintf(exchange->answer.content_range, sizeof(exchange->answer.content_range), "bytes %llu-%llu/%llu",
             (unsigned long long)part->from, (unsigned long long)(part->from + part->length - 1),
             (unsigned long long)part->size);
    recording_answer_bytes(exchange, 206);
}
