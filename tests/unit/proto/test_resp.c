#include "proto/request.h"

#include "transcript.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ASSERT_RESP(stream, expected) assert_transcript(PROTOCOL_RESP2, BYTES(stream), expected)

static struct parse_result parse_once(struct parser *parser, struct bytes input)
{
    struct bytes args[8];
    struct parse_space space = {.args = args, .args_max = 8};
    struct parse_result result;
    request_parse(PROTOCOL_RESP2, parser, input, &space, &result);
    return result;
}

TEST(arrays_are_read_however_they_are_cut)
{
    ASSERT_RESP("*1\r\n$4\r\nPING\r\n", "DONE 14 [PING]\n");
    ASSERT_RESP("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", "DONE 22 [GET] [key]\n");
    ASSERT_RESP("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$12\r\n*1\r\n$4\r\nPING\r\n",
                "DONE 41 [SET] [key] [*1\r\n$4\r\nPING]\n");
    ASSERT_RESP("*3\r\n$0\r\n\r\n$1\r\n\r\r\n$2\r\n\r\n\r\n", "DONE 25 [] [\r] [\r\n]\n");
    ASSERT_RESP(
        "*11\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n"
        "$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n$10\r\n0123456789\r\n",
        "DONE 92 [0] [1] [2] [3] [4] [5] [6] [7] [8] [9] [0123456789]\n");
}

TEST(pipelines_are_read_request_by_request)
{
    ASSERT_RESP(
        "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n*0\r\n*-1\r\n*1\r\n$1\r\nx\r\n",
        "DONE 14 [PING]\nDONE 22 [ECHO] [hi]\nEMPTY 4\nEMPTY 5\nDONE 11 [x]\n");
}

TEST(what_stands_in_place_of_line_feeds_is_not_looked_at)
{
    ASSERT_RESP("*1\rx$4\ryPINGzz", "DONE 14 [PING]\n");
}

TEST(arrays_without_arguments_are_empty)
{
    ASSERT_RESP("*0\r\n", "EMPTY 4\n");
    ASSERT_RESP("*-1\r\n", "EMPTY 5\n");
    ASSERT_RESP("*-123456789012\r\n", "EMPTY 16\n");
}

TEST(wrong_array_headers_are_fatal)
{
    static const char *const wrong[] = {
        "*\r\n",   "*a\r\n",   "*1a\r\n", "*+1\r\n",         "*01\r\n",
        "* 1\r\n", "*-0\r\n",  "*1 \r\n", "*1048577\r\n",    "*99999999999999999999999\r\n",
        "*00\r\n", "*1\n\r\n", "*-\r\n",  "*4294967297\r\n",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char expected[128];
        snprintf(expected, sizeof(expected),
                 "FATAL %zu ERR Protocol error: invalid multibulk length\n", strlen(wrong[i]));
        assert_transcript(PROTOCOL_RESP2, bytes_of_string(wrong[i]), expected);
    }
}

TEST(wrong_argument_headers_are_fatal)
{
    static const char *const wrong[] = {
        "$\r\n",   "$a\r\n",  "$1a\r\n", "$+1\r\n",        "$01\r\n",         "$-1\r\n",
        "$ 1\r\n", "$1 \r\n", "$00\r\n", "$536870913\r\n", "$4294967297\r\n", "$1\n\r\n",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char stream[64];
        char expected[128];
        int size = snprintf(stream, sizeof(stream), "*2\r\n$1\r\na\r\n%s", wrong[i]);
        snprintf(expected, sizeof(expected), "FATAL %d ERR Protocol error: invalid bulk length\n",
                 size);
        assert_transcript(PROTOCOL_RESP2, bytes_of_string(stream), expected);
    }
    ASSERT_RESP("*1\r\n:1\r\n", "FATAL 8 ERR Protocol error: expected '$', got ':'\n");
    ASSERT_RESP("*2\r\n$1\r\na\r\nGET\r\n", "FATAL 16 ERR Protocol error: expected '$', got 'G'\n");
    ASSERT_RESP("*1\r\n\r\n", "FATAL 6 ERR Protocol error: expected '$', got '\r'\n");
}

TEST(headers_without_end_are_fatal_beyond_the_line_limit)
{
    char *stream = malloc(PROTO_LINE_MAX + 64);
    ck_assert_ptr_nonnull(stream);
    memset(stream, '1', PROTO_LINE_MAX + 64);
    stream[0] = '*';
    struct parser parser = {0};
    struct parse_result result = parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX));
    ck_assert_int_eq(result.status, PARSE_MORE);
    result = parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX + 2));
    ck_assert_int_eq(result.status, PARSE_FATAL);
    ck_assert_str_eq(result.error, "ERR Protocol error: too big mbulk count string");

    struct bytes head = BYTES("*1\r\n$");
    memcpy(stream, head.data, head.size);
    parser = (struct parser){0};
    result = parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX + 4));
    ck_assert_int_eq(result.status, PARSE_MORE);
    result = parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX + 6));
    ck_assert_int_eq(result.status, PARSE_FATAL);
    ck_assert_str_eq(result.error, "ERR Protocol error: too big bulk count string");
    free(stream);
}

TEST(announced_sizes_only_wait_for_their_bytes)
{
    struct parser parser = {0};
    struct bytes input = BYTES("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n");
    struct parse_result result = parse_once(&parser, input);
    ck_assert_int_eq(result.status, PARSE_MORE);
    ck_assert_uint_eq(parser.needed, input.size + PROTO_VALUE_MAX + 2);
    result = parse_once(&parser, input);
    ck_assert_int_eq(result.status, PARSE_MORE);

    parser = (struct parser){0};
    result = parse_once(&parser, BYTES("*1048576\r\n$1\r\na\r\n"));
    ck_assert_int_eq(result.status, PARSE_MORE);
    ck_assert_uint_eq(parser.args_left, PROTO_ARGS_MAX - 1);
    ck_assert_uint_eq(parser.args_seen, 1);
}

TEST(inline_commands_are_read_as_redis_reads_them)
{
    ASSERT_RESP("PING\r\n", "DONE 6 [PING]\n");
    ASSERT_RESP("GET key\n", "DONE 8 [GET] [key]\n");
    ASSERT_RESP(" \t GET\vx  key\f \r\n", "DONE 17 [GET\vx] [key\f]\n");
    ASSERT_RESP("\r\n\n  \r\n", "EMPTY 2\nEMPTY 1\nEMPTY 4\n");
    ASSERT_RESP("SET k \"a b\" 'c d' \"\" ''\r\n", "DONE 25 [SET] [k] [a b] [c d] [] []\n");
    ASSERT_RESP("x\"a b\" y'c d' \"\\x41\\n\\q\\\"\" '\\'\\n'\r\n",
                "DONE 35 [xa b] [yc d] [A\nq\"] ['\\n]\n");
    ASSERT_RESP("PING\r\n*1\r\n$4\r\nPING\r\nPING\r\n",
                "DONE 6 [PING]\nDONE 14 [PING]\nDONE 6 [PING]\n");
    ASSERT_RESP("SET k v\r\n", "DONE 9 [SET] [k] [v]\n");
}

TEST(parsing_the_same_inline_command_again_gives_the_same_request)
{
    static const char line[] = "ZADD z 1 x\"a\\\"b\" '\\'' plain\r\n";
    char input[sizeof(line)];
    memcpy(input, line, sizeof(line));
    struct bytes args[8];
    char text[16];
    struct parse_space space = {.args = args, .args_max = 8, .text = text, .text_max = 10};
    struct parser parser = {0};
    struct parse_result result;
    request_parse(PROTOCOL_RESP2, &parser, bytes_make(input, sizeof(line) - 1), &space, &result);
    ck_assert_int_eq(result.status, PARSE_SPACE);
    ck_assert_uint_eq(result.argc, 6);
    ck_assert_uint_eq(result.text_size, 7 + 4);
    space.text_max = result.text_size;
    for (int i = 0; i < 3; i++) {
        memset(text, '?', sizeof(text));
        request_parse(PROTOCOL_RESP2, &parser, bytes_make(input, sizeof(line) - 1), &space,
                      &result);
        ck_assert_int_eq(result.status, PARSE_DONE);
        ck_assert_uint_eq(result.argc, 6);
        ck_assert_uint_eq(result.text_size, 5);
        ck_assert(bytes_equal(args[3], BYTES("xa\"b")));
        ck_assert(bytes_equal(args[4], BYTES("'")));
        ck_assert(bytes_equal(args[5], BYTES("plain")));
        ck_assert_mem_eq(input, line, sizeof(line));
    }
}

TEST(inline_commands_with_unbalanced_quotes_are_fatal)
{
    ASSERT_RESP("GET \"a\r\n", "FATAL 8 ERR Protocol error: unbalanced quotes in request\n");
    ASSERT_RESP("GET 'a\r\n", "FATAL 8 ERR Protocol error: unbalanced quotes in request\n");
    ASSERT_RESP("GET \"a\"b\r\n", "FATAL 10 ERR Protocol error: unbalanced quotes in request\n");
    ASSERT_RESP("GET \"a\\\"\r\n", "FATAL 10 ERR Protocol error: unbalanced quotes in request\n");
    ASSERT_RESP("GET a\"\r\n", "FATAL 8 ERR Protocol error: unbalanced quotes in request\n");
}

TEST(inline_commands_beyond_the_line_limit_are_fatal)
{
    char *stream = malloc(PROTO_LINE_MAX + 2);
    ck_assert_ptr_nonnull(stream);
    memset(stream, 'a', PROTO_LINE_MAX + 2);
    struct parser parser = {0};
    ck_assert_int_eq(parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX)).status, PARSE_MORE);
    struct parse_result result = parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX + 1));
    ck_assert_int_eq(result.status, PARSE_FATAL);
    ck_assert_str_eq(result.error, "ERR Protocol error: too big inline request");
    stream[PROTO_LINE_MAX] = '\n';
    parser = (struct parser){0};
    result = parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX + 1));
    ck_assert_int_eq(result.status, PARSE_DONE);
    ck_assert_uint_eq(result.size, PROTO_LINE_MAX + 1);
    free(stream);
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

// Byte by byte; returns the CPU time, which is far beyond a second when it is not linear.
static double drip(struct bytes stream, uint32_t argc, enum parse_status last)
{
    struct bytes *args = calloc(argc, sizeof(*args));
    ck_assert_ptr_nonnull(args);
    struct parse_space space = {.args = args, .args_max = argc};
    struct parser parser = {0};
    struct parse_result result = {.status = PARSE_MORE};
    double begin = cpu_seconds();
    for (size_t size = 1; size <= stream.size; size++) {
        ck_assert_int_eq(result.status, PARSE_MORE);
        // Check's assertion of each call costs more than the calls, so step over them.
        for (; size < stream.size && result.status == PARSE_MORE; size++) {
            request_parse(PROTOCOL_RESP2, &parser, bytes_make(stream.data, size), &space, &result);
        }
        request_parse(PROTOCOL_RESP2, &parser, bytes_make(stream.data, size), &space, &result);
    }
    ck_assert_int_eq(result.status, last);
    free(args);
    return cpu_seconds() - begin;
}

TEST(a_value_that_drips_in_byte_by_byte_costs_linear_time)
{
    enum { VALUE = 1024 * 1024 };
    char *stream = malloc(VALUE + 64);
    ck_assert_ptr_nonnull(stream);
    int head = snprintf(stream, 64, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", VALUE);
    memset(stream + head, 'v', VALUE);
    stream[head + VALUE] = '\r';
    stream[head + VALUE + 1] = '\n';
    double seconds = drip(bytes_make(stream, (size_t)head + VALUE + 2), 3, PARSE_DONE);
    ck_assert_double_lt(seconds, 2);
    free(stream);
}

TEST(many_arguments_that_drip_in_byte_by_byte_cost_linear_time)
{
    enum { COUNT = 100000 };
    char *stream = malloc(COUNT * 8 + 64);
    ck_assert_ptr_nonnull(stream);
    struct bytes argument = BYTES("$1\r\na\r\n");
    int head = snprintf(stream, 64, "*%d\r\n", COUNT);
    for (int i = 0; i < COUNT; i++) {
        memcpy(stream + head + (ptrdiff_t)i * 7, argument.data, argument.size);
    }
    double seconds = drip(bytes_make(stream, (size_t)head + (size_t)COUNT * 7), COUNT, PARSE_DONE);
    ck_assert_double_lt(seconds, 2);
    free(stream);
}

TEST(a_header_that_drips_in_byte_by_byte_costs_linear_time)
{
    char *stream = malloc(PROTO_LINE_MAX + 64);
    ck_assert_ptr_nonnull(stream);
    memset(stream, '1', PROTO_LINE_MAX + 64);
    stream[0] = '*';
    double seconds = drip(bytes_make(stream, PROTO_LINE_MAX + 1), 1, PARSE_FATAL);
    ck_assert_double_lt(seconds, 1);
    free(stream);
}
