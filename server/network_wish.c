#include "server/network_wish.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"

#define NONE "{\"mode\":\"none\",\"rules\":[]}"
#define SHOWN_MAX 80 // of a wrong destination

struct reader {
    struct network_wish *wish;
    json_t *shown; // the rules without secrets
    char *wrong;
};

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

__attribute__((format(printf, 2, 3))) static int refuse(char *wrong, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(wrong, WISH_WRONG_MAX, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

void network_wish_none(struct network_wish *wish)
{
    *wish = (struct network_wish){.text = NONE};
}

// Printable ASCII only: it goes into an answer.
static const char *shown(const char *text, char buffer[static SHOWN_MAX + 1])
{
    size_t length = strlen(text);
    for (size_t i = 0; i <= length && i < SHOWN_MAX; i++)
        buffer[i] = text[i] == '\0' || (text[i] >= 0x20 && text[i] < 0x7f) ? text[i] : '?';
    buffer[SHOWN_MAX] = '\0';
    return buffer;
}

static bool plain_string(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

// The header's number, counted from 1; or -EINVAL.
static int add_header(struct reader *reader, const json_t *value, size_t number)
{
    struct network_wish *wish = reader->wish;
    const json_t *name = json_object_get(value, "name"), *secret = json_object_get(value, "value");
    if (json_object_size(value) != 2 || !plain_string(name) || !plain_string(secret))
        return refuse(reader->wrong,
                      "\"network.rules[%zu].header\" must have a name and a value, both strings.", number);
    if (wish->header_count == EGRESS_HEADERS_MAX)
        return refuse(reader->wrong,
                      "\"network.rules[%zu].header\" is one too many: at most %u rules may have one.", number,
                      EGRESS_HEADERS_MAX);
    struct egress_header *header = &wish->headers[wish->header_count];
    bool fits =
        json_string_length(name) < sizeof(header->name) && json_string_length(secret) < sizeof(header->value);
    if (fits) {
        memcpy(header->name, json_string_value(name), json_string_length(name));
        memcpy(header->value, json_string_value(secret), json_string_length(secret));
    }
    if (!fits || !egress_header_valid(header))
        return refuse(
            reader->wrong,
            "\"network.rules[%zu].header\" is not possible: a name is a token such as Authorization that "
            "does not frame the message, a value is visible ASCII of at most %u bytes.",
            number, EGRESS_HEADER_VALUE_MAX - 1);
    return (int)++wish->header_count;
}

static int add_destination(struct reader *reader, const json_t *value, size_t number)
{
    struct network_wish *wish = reader->wish;
    char buffer[SHOWN_MAX + 1];
    if (!plain_string(value))
        return refuse(
            reader->wrong,
            "\"network.rules[%zu]\" must be a destination such as \"*.example.org:443\", or an object with "
            "\"to\" and perhaps \"header\".",
            number);
    if (egress_rule_parse(json_string_value(value), &wish->rules[wish->rule_count]) < 0)
        return refuse(
            reader->wrong,
            "\"network.rules[%zu]\": \"%s\" is not a destination. Write a domain, *. and a domain, an "
            "address or a network such as 10.0.0.0/8, then perhaps a colon and ports: "
            "\"*.example.org:443\".",
            number, shown(json_string_value(value), buffer));
    return 0;
}

static int add_rule(struct reader *reader, const json_t *value, size_t number)
{
    struct network_wish *wish = reader->wish;
    bool object = json_is_object(value);
    const json_t *to = object ? json_object_get(value, "to") : value;
    const json_t *header = object ? json_object_get(value, "header") : NULL;
    if (object && (!to || json_object_size(value) != (header ? 2 : 1)))
        return refuse(reader->wrong,
                      "\"network.rules[%zu]\" must have \"to\", perhaps \"header\", and nothing else.",
                      number);
    int error = add_destination(reader, to, number);
    int place = !error && header ? add_header(reader, header, number) : 0;
    if (error || place < 0)
        return -EINVAL;
    struct egress_rule *rule = &wish->rules[wish->rule_count++];
    rule->header = (uint8_t)place;
    if (!egress_rule_valid(rule))
        return refuse(
            reader->wrong,
            "\"network.rules[%zu].header\" can't be added to what goes there: a header needs a domain and "
            "a port besides 443, since nothing can be added inside TLS. Write \"example.org:80\".",
            number);
    json_t *shown_rule = network_text_rule(rule, place > 0 ? wish->headers[place - 1].name : NULL);
    return json_array_append_new(reader->shown, shown_rule) < 0 ? -ENOMEM : 0;
}

static int keep_text(struct reader *reader)
{
    int error = network_text_make(reader->shown, reader->wish->text);
    if (error == -EMSGSIZE)
        return refuse(reader->wrong,
                      "\"network.rules\" are too long: at most %u bytes together. Use wildcards.",
                      NETWORK_TEXT_MAX);
    return error;
}

static int read_rules(struct reader *reader, const json_t *rules)
{
    if (json_array_size(rules) > EGRESS_RULES_MAX)
        return refuse(reader->wrong, "\"network.rules\" has too many rules: at most %u.", EGRESS_RULES_MAX);
    int error = 0;
    for (size_t i = 0; i < json_array_size(rules) && !error; i++)
        error = add_rule(reader, json_array_get(rules, i), i);
    return error ? error : keep_text(reader);
}

int network_wish_read(const json_t *value, struct network_wish *wish, char wrong[static WISH_WRONG_MAX])
{
    const json_t *mode = json_object_get(value, "mode"), *rules = json_object_get(value, "rules");
    const char *name = plain_string(mode) ? json_string_value(mode) : "";
    bool allow = strcmp(name, "allow") == 0;
    network_wish_none(wish);
    if (!json_is_object(value) || json_object_size(value) != (rules ? 2 : 1))
        return refuse(wrong, "\"network\" must be an object of \"mode\" and \"rules\".");
    if (!allow && strcmp(name, "none") != 0)
        return refuse(wrong, "\"network.mode\" must be none or allow.");
    if (allow ? !json_is_array(rules) || json_array_size(rules) == 0
              : rules && (!json_is_array(rules) || json_array_size(rules) > 0))
        return refuse(wrong, allow ? "\"network.rules\" must be a list of at least one rule in mode allow."
                                   : "\"network.rules\" must be empty in mode none.");
    if (!allow)
        return 0;
    CLEANUP(cleanup_json) json_t *shown_rules = json_array();
    struct reader reader = {.wish = wish, .shown = shown_rules, .wrong = wrong};
    int error = shown_rules ? read_rules(&reader, rules) : -ENOMEM;
    if (error == -ENOMEM)
        snprintf(wrong, WISH_WRONG_MAX, "The server is out of memory. Try again later.");
    return error;
}

int network_wish_send(const struct network_wish *wish, struct sandboxd_client *sandboxd)
{
    struct sandboxd_message message = {.kind = SANDBOXD_NETWORK_BEGIN,
                                       .network_begin = {wish->rule_count, wish->header_count}};
    int error = sandboxd_client_send(sandboxd, &message);
    message.kind = SANDBOXD_NETWORK_HEADER;
    for (uint32_t i = 0; i < wish->header_count && !error; i++) {
        message.network_header = wish->headers[i];
        error = sandboxd_client_send(sandboxd, &message);
    }
    explicit_bzero(&message, sizeof(message));
    message.kind = SANDBOXD_NETWORK_RULE;
    for (uint32_t i = 0; i < wish->rule_count && !error; i++) {
        message.network_rule = wish->rules[i];
        error = sandboxd_client_send(sandboxd, &message);
    }
    return error;
}
