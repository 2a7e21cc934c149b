// Heads, chunks, answers and the channel.
#include "tests/unit/egress/cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "egress/chunked.h"
#include "egress/forward.h"
#include "lib/egress_channel.h"

static enum refusal parse(const char *text, struct head *head, struct request *request)
{
    size_t scanned = 0;
    ssize_t length = head_end(text, strlen(text), &scanned);
    if (length <= 0)
        return REFUSAL_MALFORMED;
    enum refusal refusal = head_parse(text, (size_t)length, head);
    return refusal ? refusal : request_parse(head, request);
}

static void the_end_of_a_head(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nA: b\r\n\r\nrest";
    // However it arrives.
    for (size_t first = 0; first < sizeof(text) - 1; first++) {
        size_t scanned = 0;
        ssize_t length = head_end(text, first, &scanned);
        if (length == 0)
            length = head_end(text, sizeof(text) - 1, &scanned);
        assert_int_equal(length, sizeof(text) - 5);
    }
    size_t scanned = 0;
    assert_int_equal(head_end("GET / HTTP/1.1\nA", 16, &scanned), -1);
    scanned = 0;
    assert_int_equal(head_end("\n", 1, &scanned), -1);
}

static void requests(void **state)
{
    (void)state;
    struct head head;
    struct request request;
    assert_int_equal(parse("GET http://a.example?x HTTP/1.1\r\nHost: a.example:80\r\n\r\n", &head, &request),
                     0);
    assert_int_equal(request.authority.port, 80);
    assert_memory_equal(request.path.text, "?x", request.path.length);
    assert_true(request.keep);
    assert_int_equal(request.body, BODY_NONE);
    assert_int_equal(
        parse("PUT http://[2001:db8::1]/ HTTP/1.0\r\nContent-Length: 7\r\n\r\n", &head, &request), 0);
    assert_int_equal(request.body, BODY_LENGTH);
    assert_int_equal(request.length, 7);
    assert_false(request.keep);
    assert_int_equal(parse("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", &head, &request), 0);
    assert_true(request.connect);
    assert_int_equal(parse("connect a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", &head, &request),
                     REFUSAL_FORM);
    assert_int_equal(parse("PUT http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: "
                           "9999999999999999999\r\n\r\n",
                           &head, &request),
                     REFUSAL_FRAMING);
}

static void responses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool to_head, valid;
        enum body_kind body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", false, true, BODY_TO_END},
        {"HTTP/1.1 200\r\n\r\n", false, true, BODY_TO_END},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, true, BODY_LENGTH},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, true, BODY_NONE},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, true, BODY_NONE},
        {"HTTP/1.1 100 Continue\r\n\r\n", false, true, BODY_NONE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", false, true, BODY_CHUNKED},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n", false, false, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", false, false, 0},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, false, 0},
        {"HTTP/1.1 2000 OK\r\n\r\n", false, false, 0},
        {"HTTP/1.1 099 OK\r\n\r\n", false, false, 0},
        {"HTTP/2.0 200 OK\r\n\r\n", false, false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct head head;
        struct response response = {0};
        assert_int_equal(head_parse(cases[i].text, strlen(cases[i].text), &head), 0);
        if (response_parse(&head, cases[i].to_head, &response) != cases[i].valid ||
            (cases[i].valid && response.body != cases[i].body))
            fail_msg("%s", cases[i].text);
    }
}

static void forwarded_requests(void **state)
{
    (void)state;
    struct head head;
    struct request request;
    struct text text;
    assert_int_equal(parse("OPTIONS http://a.example:8080 HTTP/1.1\r\nHost:  a.example:8080 "
                           "\r\nX:y\r\nKEEP-ALIVE: 1\r\n\r\n",
                           &head, &request),
                     0);
    assert_int_equal(forward_request(&head, &request, NULL, &text), 0);
    const char *wanted = "OPTIONS * HTTP/1.1\r\nHost: a.example:8080\r\nX: y\r\nConnection: close\r\n\r\n";
    assert_int_equal(text.end, strlen(wanted));
    assert_memory_equal(text.data, wanted, text.end);
    text_free(&text);
}

static void chunks(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t taken;
        enum chunk_state state;
    } cases[] = {
        {"0\r\n\r\n", 5, CHUNK_DONE},
        {"0\r\n\r\nGET", 5, CHUNK_DONE},
        {"5\r\nhello\r\n0\r\n\r\n", 15, CHUNK_DONE},
        {"A;x=\"y\"\r\n0123456789\r\n000\r\nT: v\r\n\r\n", 34, CHUNK_DONE},
        {"5\r\nhel", 6, CHUNK_DATA},
        {"\r\n", 1, CHUNK_BROKEN},
        {"5 \r\n", 2, CHUNK_BROKEN},
        {"0x5\r\n", 2, CHUNK_BROKEN},
        {"5\nhello", 2, CHUNK_BROKEN},
        {"5\r\nhelloX", 9, CHUNK_BROKEN},
        {"0\r\n folded\r\n\r\n", 4, CHUNK_BROKEN},
        {"1000000000000000\r\n", 16, CHUNK_BROKEN},
        {"1;\n\r\n", 3, CHUNK_BROKEN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chunked whole = {0}, bytes = {0};
        size_t taken = chunked_take(&whole, cases[i].text, strlen(cases[i].text)), single = 0;
        if (taken != cases[i].taken || whole.state != cases[i].state)
            fail_msg("%s: %zu, %d", cases[i].text, taken, whole.state);
        while (single < taken && chunked_take(&bytes, cases[i].text + single, 1) == 1)
            single++;
        assert_int_equal(bytes.state, whole.state);
    }
}

static void refusals(void **state)
{
    (void)state;
    for (int refusal = REFUSAL_NONE + 1; refusal < REFUSAL_COUNT; refusal++) {
        char text[REFUSAL_TEXT_MAX + 1] = "", destination[HOSTNAME_SIZE + 6];
        struct head head;
        struct response response;
        memset(destination, 'x', sizeof(destination) - 1);
        destination[sizeof(destination) - 1] = '\0';
        size_t length = refusal_format((enum refusal)refusal, destination, text);
        const char *body = strstr(text, "\r\n\r\n") + 4;
        assert_int_equal(head_parse(text, (size_t)(body - text), &head), 0);
        assert_true(response_parse(&head, false, &response));
        assert_int_equal(response.length, length - (size_t)(body - text));
        assert_true(response.status >= 400);
    }
}

static struct egress_message rule_message(void)
{
    struct egress_message message = {.kind = EGRESS_RULE};
    message.rule.sandbox = id_new();
    assert_int_equal(egress_rule_parse("example.org", &message.rule.rule), 0);
    return message;
}

static int decode(const struct egress_message *message, size_t fds)
{
    struct egress_message decoded;
    return egress_message_decode(message, egress_message_size(message->kind), fds, EGRESS_SIDE_SANDBOXD,
                                 &decoded);
}

static void channel_messages(void **state)
{
    (void)state;
    struct egress_message message = rule_message(), decoded;
    assert_int_equal(decode(&message, 0), 0);
    assert_int_equal(decode(&message, 1), -EPROTO);
    size_t size = egress_message_size(EGRESS_RULE);
    assert_int_equal(egress_message_decode(&message, size - 1, 0, EGRESS_SIDE_SANDBOXD, &decoded), -EPROTO);
    assert_int_equal(egress_message_decode(&message, size + 1, 0, EGRESS_SIDE_SANDBOXD, &decoded), -EPROTO);
    assert_int_equal(egress_message_decode(&message, size, 0, EGRESS_SIDE_EGRESS, &decoded), -EPROTO);
    message.reserved = 1;
    assert_int_equal(decode(&message, 0), -EPROTO);
    message = rule_message();
    message.rule.rule.name[sizeof(message.rule.rule.name) - 1] = 'x'; // behind the NUL
    assert_int_equal(decode(&message, 0), -EPROTO);
    message = rule_message();
    message.rule.rule.ranges[7].last = 1;
    assert_int_equal(decode(&message, 0), -EPROTO);
    message = rule_message();
    message.rule.sandbox = (struct id){0};
    assert_int_equal(decode(&message, 0), -EPROTO);
    message = (struct egress_message){.kind = EGRESS_ADD, .add = {id_new(), 0, 1, 0}};
    assert_int_equal(decode(&message, 1), 0);
    assert_int_equal(decode(&message, 0), -EPROTO);
    message.add.connection_maximum = EGRESS_CONNECTIONS_PER_SANDBOX_MAX + 1;
    assert_int_equal(decode(&message, 1), -EPROTO);
    assert_int_equal(egress_message_size(0), 0);
    assert_int_equal(egress_message_size(EGRESS_COUNT_ALL + 1), 0);
    message = (struct egress_message){.kind = EGRESS_TOTALS, .totals = {.bytes_in = 1}};
    assert_int_equal(decode(&message, 1), -EPROTO);
}

static void a_whole_policy(void **state)
{
    (void)state;
    static const uint32_t kinds[] = {EGRESS_POLICY_BEGIN, EGRESS_HEADER, EGRESS_RULE, EGRESS_POLICY_COMMIT};
    int pair[2];
    struct id sandbox = id_new();
    struct egress_rule rule = rule_message().rule.rule;
    struct egress_header header = {.name = "X", .value = "y"};
    rule.header = 1;
    assert_int_equal(ipc_pair(0, pair), 0);
    assert_int_equal(egress_policy_send(pair[0], &sandbox, &(struct egress_policy){&rule, 1, &header, 0}, 7),
                     -EINVAL);
    assert_int_equal(egress_policy_send(pair[0], &sandbox, &(struct egress_policy){&rule, 1, &header, 1}, 7),
                     0);
    for (size_t i = 0; i < 4; i++) {
        struct egress_message buffer, message;
        struct ipc_packet packet;
        assert_int_equal(ipc_receive(pair[1], &buffer, sizeof(buffer), &packet), 0);
        assert_int_equal(egress_message_decode(&buffer, packet.length, 0, EGRESS_SIDE_SANDBOXD, &message), 0);
        assert_int_equal(message.kind, kinds[i]);
    }
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_head),  cmocka_unit_test(requests),       cmocka_unit_test(responses),
        cmocka_unit_test(forwarded_requests), cmocka_unit_test(chunks),         cmocka_unit_test(refusals),
        cmocka_unit_test(channel_messages),   cmocka_unit_test(a_whole_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
