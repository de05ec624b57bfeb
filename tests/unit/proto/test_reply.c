#include "proto/reply.h"

#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A sink that offers `step` bytes or what is asked for, never more than `left` in all, each
 * time in a new block of exactly that size, so that a sanitizer sees a write behind it. */
struct collector {
    struct sink sink;
    char *block;
    size_t step;
    size_t left;
    char written[4096];
    size_t written_size;
    void *owner; // Of what was lent last.
    int lend_result;
};

static void collect(struct collector *collector)
{
    size_t size = (size_t)(collector->sink.at - collector->block);
    ck_assert_uint_le(collector->written_size + size, sizeof(collector->written));
    if (size > 0) {
        memcpy(collector->written + collector->written_size, collector->block, size);
    }
    collector->written_size += size;
    collector->left -= size;
    free(collector->block);
    collector->block = NULL;
    collector->sink.at = collector->sink.end = NULL;
}

static int collector_more(struct sink *sink, size_t size)
{
    struct collector *collector = (struct collector *)sink;
    collect(collector);
    if (size > collector->left) {
        return -ENOMEM;
    }
    size = size > collector->step ? size : collector->step;
    collector->block = malloc(size);
    ck_assert_ptr_nonnull(collector->block);
    sink->at = collector->block;
    sink->end = collector->block + size;
    return 0;
}

static int collector_lend(struct sink *sink, struct bytes bytes, void *owner)
{
    struct collector *collector = (struct collector *)sink;
    if (collector->lend_result < 0) {
        return collector->lend_result;
    }
    collect(collector);
    memcpy(collector->written + collector->written_size, bytes.data, bytes.size);
    collector->written_size += bytes.size;
    collector->owner = owner;
    return 0;
}

static size_t collector_place(const struct sink *sink)
{
    const struct collector *collector = (const struct collector *)sink;
    return collector->written_size + (size_t)(sink->at - collector->block);
}

static int collector_insert(struct sink *sink, size_t place, struct bytes bytes)
{
    struct collector *collector = (struct collector *)sink;
    collect(collector);
    if (bytes.size > collector->left) {
        return -ENOMEM;
    }
    ck_assert_uint_le(place, collector->written_size);
    ck_assert_uint_le(collector->written_size + bytes.size, sizeof(collector->written));
    char *at = collector->written + place;
    memmove(at + bytes.size, at, collector->written_size - place);
    memcpy(at, bytes.data, bytes.size);
    collector->written_size += bytes.size;
    collector->left -= bytes.size;
    return 0;
}

static const struct sink_ops copying = {
    .more = collector_more, .place = collector_place, .insert = collector_insert};
static const struct sink_ops lending = {.more = collector_more,
                                        .lend = collector_lend,
                                        .place = collector_place,
                                        .insert = collector_insert};

static void collector_init(struct collector *collector, const struct sink_ops *ops, size_t left)
{
    *collector = (struct collector){.sink.ops = ops, .left = left};
}

static void assert_written(struct collector *collector, struct bytes expected)
{
    collect(collector);
    ck_assert_uint_eq(collector->written_size, expected.size);
    ck_assert_mem_eq(collector->written, expected.data, expected.size);
}

typedef void (*answer_fn)(struct reply *reply);

/* What an answer looks like in each protocol. */
struct forms {
    struct bytes text, resp2, resp3;
};

static void assert_form(answer_fn answer, enum protocol protocol, struct bytes expected)
{
    for (size_t step = 0; step < 100; step++) {
        struct collector collector;
        collector_init(&collector, &copying, SIZE_MAX);
        collector.step = step;
        struct reply reply;
        reply_init(&reply, &collector.sink, protocol);
        answer(&reply);
        ck_assert(!collector.sink.failed);
        assert_written(&collector, expected);
    }
}

static void assert_answer(answer_fn answer, struct forms forms)
{
    assert_form(answer, PROTOCOL_TEXT, forms.text);
    assert_form(answer, PROTOCOL_RESP2, forms.resp2);
    assert_form(answer, PROTOCOL_RESP3, forms.resp3);
}

#define ASSERT_FORMS(answer, text, resp2, resp3)                                                   \
    assert_answer(answer, (struct forms){BYTES(text), BYTES(resp2), BYTES(resp3)})

/* RESP3 as RESP2. */
#define ASSERT_ANSWER(answer, text, resp2) ASSERT_FORMS(answer, text, resp2, resp2)

static void answer_ok(struct reply *reply)
{
    reply_ok(reply);
}

static void answer_status(struct reply *reply)
{
    reply_status(reply, "PONG");
}

static void answer_nils(struct reply *reply)
{
    reply_nil(reply);
    reply_nil_array(reply);
}

static void answer_values(struct reply *reply)
{
    reply_value(reply, BYTES("hello"));
    reply_value(reply, BYTES(""));
    reply_value(reply, bytes_make(NULL, 0));
    reply_value(reply, BYTES("a\r\n\0b12345"));
}

static void answer_integers(struct reply *reply)
{
    reply_integer(reply, 0);
    reply_integer(reply, 42);
    reply_integer(reply, -1);
    reply_integer(reply, INT64_MAX);
    reply_integer(reply, INT64_MIN);
}

static void answer_doubles(struct reply *reply)
{
    reply_double(reply, 3);
    reply_double(reply, -0.1);
    reply_double(reply, 1e30);
    reply_double(reply, -INFINITY);
    reply_double(reply, -2.2250738585072014e-308);
}

static void answer_arrays(struct reply *reply)
{
    reply_array(reply, 0);
    reply_array(reply, 2);
    reply_array(reply, 1000000);
}

static void answer_member(struct reply *reply)
{
    reply_member(reply, BYTES("alice"), 10);
    reply_member(reply, BYTES("member:0000000000"), 0.30000000000000004);
}

static void answer_lent(struct reply *reply)
{
    reply_value_lent(reply, BYTES("hello"), NULL);
}

static void answer_lists(struct reply *reply)
{
    reply_map(reply, 0);
    reply_map(reply, 2);
    reply_set(reply, 3);
    reply_push(reply, 4);
    reply_pairs(reply, 1);
    reply_pair(reply);
    reply_integer(reply, 1);
    reply_double(reply, 0.5);
}

static void answer_bools(struct reply *reply)
{
    reply_bool(reply, true);
    reply_bool(reply, false);
}

static void answer_texts(struct reply *reply)
{
    reply_verbatim(reply, "txt", BYTES("Some string"));
    reply_verbatim(reply, "mkd", BYTES(""));
    reply_big_number(reply, BYTES("-3492890328409238509324850943850943825024385"));
    reply_double_value(reply, 0.5);
    reply_decimal(reply, BYTES("3.14"));
}

static void answer_open_lists(struct reply *reply)
{
    struct reply_open outer = reply_open(reply);
    reply_integer(reply, 1);
    struct reply_open map = reply_open(reply);
    struct reply_open set = reply_open(reply);
    reply_value(reply, BYTES("member"));
    reply_close_set(reply, set, 1);
    reply_value(reply, BYTES("meaning"));
    reply_close_map(reply, map, 1);
    struct reply_open empty = reply_open(reply);
    reply_close_array(reply, empty, 0);
    reply_close_array(reply, outer, 1234567);
}

TEST(counts_may_be_known_after_the_elements)
{
    ASSERT_FORMS(answer_open_lists,
                 "*1234567\n:1\n*2\n*1\n+VALUE 6\nmember\n+VALUE 7\nmeaning\n*0\n",
                 "*1234567\r\n:1\r\n*2\r\n*1\r\n$6\r\nmember\r\n$7\r\nmeaning\r\n*0\r\n",
                 "*1234567\r\n:1\r\n%1\r\n~1\r\n$6\r\nmember\r\n$7\r\nmeaning\r\n*0\r\n");
}

TEST(an_open_list_on_a_sink_that_fails_is_swallowed)
{
    for (size_t left = 0; left < 55; left++) {
        struct collector collector;
        collector_init(&collector, &copying, left);
        struct reply reply;
        reply_init(&reply, &collector.sink, PROTOCOL_RESP2);
        answer_open_lists(&reply);
        ck_assert(collector.sink.failed);
        reply_ok(&reply);
        collect(&collector);
        ck_assert_uint_le(collector.written_size, 60);
    }
}

TEST(answers_of_resp3_have_types)
{
    ASSERT_FORMS(answer_lists, "*0\n*4\n*3\n*4\n*2\n:1\n+VALUE 3\n0.5\n",
                 "*0\r\n*4\r\n*3\r\n*4\r\n*2\r\n:1\r\n$3\r\n0.5\r\n",
                 "%0\r\n%2\r\n~3\r\n>4\r\n*1\r\n*2\r\n:1\r\n,0.5\r\n");
    ASSERT_FORMS(answer_bools, ":1\n:0\n", ":1\r\n:0\r\n", "#t\r\n#f\r\n");
    ASSERT_FORMS(
        answer_texts,
        "+VALUE 11\nSome string\n+VALUE 0\n\n"
        "+VALUE 44\n-3492890328409238509324850943850943825024385\n+VALUE 3\n0.5\n"
        "+VALUE 4\n3.14\n",
        "$11\r\nSome string\r\n$0\r\n\r\n"
        "$44\r\n-3492890328409238509324850943850943825024385\r\n$3\r\n0.5\r\n$4\r\n3.14\r\n",
        "=15\r\ntxt:Some string\r\n=4\r\nmkd:\r\n"
        "(-3492890328409238509324850943850943825024385\r\n$3\r\n0.5\r\n,3.14\r\n");
}

TEST(answers_have_the_form_of_their_protocol)
{
    ASSERT_ANSWER(answer_ok, "+OK\n", "+OK\r\n");
    ASSERT_ANSWER(answer_status, "+PONG\n", "+PONG\r\n");
    ASSERT_FORMS(answer_nils, "+NIL\n+NIL\n", "$-1\r\n*-1\r\n", "_\r\n_\r\n");
    ASSERT_ANSWER(answer_values,
                  "+VALUE 5\nhello\n+VALUE 0\n\n+VALUE 0\n\n+VALUE 10\na\r\n\0b12345\n",
                  "$5\r\nhello\r\n$0\r\n\r\n$0\r\n\r\n$10\r\na\r\n\0b12345\r\n");
    ASSERT_ANSWER(answer_integers, ":0\n:42\n:-1\n:9223372036854775807\n:-9223372036854775808\n",
                  ":0\r\n:42\r\n:-1\r\n:9223372036854775807\r\n:-9223372036854775808\r\n");
    ASSERT_FORMS(answer_doubles,
                 "+VALUE 1\n3\n+VALUE 4\n-0.1\n+VALUE 5\n1e+30\n+VALUE 4\n-inf\n"
                 "+VALUE 24\n-2.2250738585072014e-308\n",
                 "$1\r\n3\r\n$4\r\n-0.1\r\n$5\r\n1e+30\r\n$4\r\n-inf\r\n"
                 "$24\r\n-2.2250738585072014e-308\r\n",
                 ",3\r\n,-0.1\r\n,1e+30\r\n,-inf\r\n,-2.2250738585072014e-308\r\n");
    ASSERT_ANSWER(answer_arrays, "*0\n*2\n*1000000\n", "*0\r\n*2\r\n*1000000\r\n");
    ASSERT_FORMS(answer_member,
                 "+VALUE 5\nalice\n+VALUE 2\n10\n"
                 "+VALUE 17\nmember:0000000000\n+VALUE 19\n0.30000000000000004\n",
                 "$5\r\nalice\r\n$2\r\n10\r\n"
                 "$17\r\nmember:0000000000\r\n$19\r\n0.30000000000000004\r\n",
                 "*2\r\n$5\r\nalice\r\n,10\r\n"
                 "*2\r\n$17\r\nmember:0000000000\r\n,0.30000000000000004\r\n");
    ASSERT_ANSWER(answer_lent, "+VALUE 5\nhello\n", "$5\r\nhello\r\n");
}

TEST(value_headers_are_right_for_every_size)
{
    char value[1100];
    memset(value, 'v', sizeof(value));
    for (size_t size = 0; size < sizeof(value); size++) {
        struct collector collector;
        collector_init(&collector, &copying, SIZE_MAX);
        struct reply reply;
        reply_init(&reply, &collector.sink, PROTOCOL_RESP2);
        reply_value(&reply, bytes_make(value, size));
        char expected[1200];
        int length =
            snprintf(expected, sizeof(expected), "$%zu\r\n%.*s\r\n", size, (int)size, value);
        assert_written(&collector, bytes_make(expected, (size_t)length));
    }
}

static void answer_error(struct reply *reply)
{
    reply_error(reply, "ERR unknown command '%s'", "a\r\nb\n");
}

static void answer_long_error(struct reply *reply)
{
    char name[2 * PROTO_ERROR_MAX];
    memset(name, 'x', sizeof(name));
    reply_error(reply, "ERR %.*s", (int)sizeof(name), name);
}

TEST(errors_are_one_line_and_are_counted)
{
    ASSERT_ANSWER(answer_error, "-ERR unknown command 'a  b '\n",
                  "-ERR unknown command 'a  b '\r\n");
    struct collector collector;
    collector_init(&collector, &copying, SIZE_MAX);
    struct reply reply;
    reply_init(&reply, &collector.sink, PROTOCOL_TEXT);
    ck_assert_uint_eq(reply.errors, 0);
    answer_long_error(&reply);
    answer_error(&reply);
    ck_assert_uint_eq(reply.errors, 2);
    collect(&collector);
    ck_assert_uint_le(collector.written_size, PROTO_ERROR_MAX + 1 + 29);
    ck_assert_mem_eq(collector.written, "-ERR xxx", 8);
    ck_assert_int_eq(collector.written[PROTO_ERROR_MAX], '\n');
}

static void answer_everything(struct reply *reply)
{
    reply_array(reply, 12);
    answer_ok(reply);
    answer_status(reply);
    answer_nils(reply);
    answer_values(reply);
    answer_doubles(reply);
    answer_member(reply);
    answer_lists(reply);
    answer_bools(reply);
    answer_texts(reply);
    answer_error(reply);
    answer_integers(reply);
    answer_lent(reply);
}

TEST(a_sink_that_runs_out_anywhere_holds_whole_answers_and_swallows_the_rest)
{
    enum protocol protocols[] = {PROTOCOL_TEXT, PROTOCOL_RESP2, PROTOCOL_RESP3};
    for (size_t i = 0; i < 3; i++) {
        struct collector whole;
        struct reply reply;
        collector_init(&whole, &copying, SIZE_MAX);
        reply_init(&reply, &whole.sink, protocols[i]);
        answer_everything(&reply);
        collect(&whole);
        bool fitted = false;
        for (size_t left = 0; !fitted; left++) {
            struct collector collector;
            collector_init(&collector, left % 2 == 0 ? &copying : &lending, left);
            reply_init(&reply, &collector.sink, protocols[i]);
            answer_everything(&reply);
            ck_assert_uint_eq(reply.errors, 1);
            fitted = !collector.sink.failed;
            ck_assert_ptr_eq(collector.sink.at,
                             collector.sink.failed ? collector.sink.end : collector.sink.at);
            collect(&collector);
            ck_assert_uint_le(collector.written_size, whole.written_size);
            ck_assert_mem_eq(collector.written, whole.written, collector.written_size);
            ck_assert(!fitted || collector.written_size == whole.written_size);
        }
    }
}

TEST(values_are_lent_where_the_sink_can)
{
    int owner;
    struct collector collector;
    struct reply reply;
    collector_init(&collector, &lending, SIZE_MAX);
    reply_init(&reply, &collector.sink, PROTOCOL_RESP2);
    reply_ok(&reply);
    reply_value_lent(&reply, BYTES("hello"), &owner);
    reply_ok(&reply);
    ck_assert_ptr_eq(collector.owner, &owner);
    assert_written(&collector, BYTES("+OK\r\n$5\r\nhello\r\n+OK\r\n"));

    collector_init(&collector, &copying, SIZE_MAX);
    reply_init(&reply, &collector.sink, PROTOCOL_TEXT);
    reply_value_lent(&reply, BYTES("hello"), &owner);
    ck_assert_ptr_null(collector.owner);
    assert_written(&collector, BYTES("+VALUE 5\nhello\n"));
}

TEST(a_sink_that_cannot_take_a_lent_value_has_failed)
{
    int owner;
    struct collector collector;
    struct reply reply;
    collector_init(&collector, &lending, SIZE_MAX);
    collector.lend_result = -ENOMEM;
    reply_init(&reply, &collector.sink, PROTOCOL_RESP2);
    reply_value_lent(&reply, BYTES("hello"), &owner);
    ck_assert(collector.sink.failed);
    reply_ok(&reply);
    assert_written(&collector, BYTES("$5\r\n"));
}
