#include "proto/request.h"

#include "transcript.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ASSERT_TEXT(stream, expected) assert_transcript(PROTOCOL_TEXT, BYTES(stream), expected)

#define SET_FORM ", it is: SET key expiry length, and the value on the next line"

static struct parse_result parse_once(struct parser *parser, struct bytes input)
{
    struct bytes args[8];
    struct parse_space space = {.args = args, .args_max = 8};
    struct parse_result result;
    request_parse(PROTOCOL_TEXT, parser, input, &space, &result);
    return result;
}

TEST(words_are_read_however_they_are_cut)
{
    ASSERT_TEXT("PING\n", "DONE 5 [PING]\n");
    ASSERT_TEXT("GET key\r\n", "DONE 9 [GET] [key]\n");
    ASSERT_TEXT("  ZADD \t board 10  alice  \n", "DONE 27 [ZADD] [board] [10] [alice]\n");
    ASSERT_TEXT("GET a\rb\n", "DONE 8 [GET] [a\rb]\n");
    ASSERT_TEXT("GET it's a\"b\n", "DONE 13 [GET] [it's] [a\"b]\n");
    ASSERT_TEXT("GET \xC3\xBC\x01\x7F\n", "DONE 9 [GET] [\xC3\xBC\x01\x7F]\n");
}

TEST(quoted_words_are_decoded)
{
    ASSERT_TEXT("ECHO \"a b\" 'c d'\n", "DONE 17 [ECHO] [a b] [c d]\n");
    ASSERT_TEXT("ECHO \"\\\"\\\\\\n\\r\\t\\x41\\x7a\\xZZ\\x4\"\n",
                "DONE 33 [ECHO] [\"\\\n\r\tAzxZZx4]\n");
    ASSERT_TEXT("ECHO 'it\\'s \\n' \"'\" '\"'\r\n", "DONE 25 [ECHO] [it's \\n] ['] [\"]\n");
    ASSERT_TEXT("\"PING\" \"\" ''\n", "DONE 13 [PING] [] []\n");
}

TEST(parsing_the_same_bytes_again_gives_the_same_request)
{
    static const char line[] = "SET \"a\\\"b\" 5 2 'N' \"\\x58\"\nhi\n";
    char input[sizeof(line)];
    memcpy(input, line, sizeof(line));
    struct bytes args[8];
    char text[16];
    // No room for the text, then enough, three times.
    struct parse_space space = {.args = args, .args_max = 8, .text = text, .text_max = 14};
    struct parser parser = {0};
    struct parse_result result;
    request_parse(PROTOCOL_TEXT, &parser, bytes_make(input, sizeof(line) - 1), &space, &result);
    ck_assert_int_eq(result.status, PARSE_SPACE);
    ck_assert_uint_le(result.argc, 8);
    ck_assert_uint_eq(result.text_size, 6 + 3 + 6);
    space.text_max = result.text_size;
    for (int i = 0; i < 3; i++) {
        memset(text, '?', sizeof(text));
        request_parse(PROTOCOL_TEXT, &parser, bytes_make(input, sizeof(line) - 1), &space, &result);
        ck_assert_int_eq(result.status, PARSE_DONE);
        ck_assert_uint_eq(result.argc, 7);
        ck_assert_uint_eq(result.text_size, 5);
        ck_assert(bytes_equal(args[1], BYTES("a\"b")));
        ck_assert(bytes_equal(args[2], BYTES("hi")));
        ck_assert(bytes_equal(args[4], BYTES("5")));
        ck_assert(bytes_equal(args[6], BYTES("X")));
        ck_assert_mem_eq(input, line, sizeof(line));
    }
}

TEST(empty_lines_are_skipped)
{
    ASSERT_TEXT("\n\r\n \t \nPING\n\r\r\n",
                "EMPTY 1\nEMPTY 2\nEMPTY 4\nDONE 5 [PING]\nDONE 3 [\r]\n");
}

TEST(unbalanced_quotes_cost_their_line_only)
{
    ASSERT_TEXT("GET \"a\nPING\n", "INVALID 7 ERR unbalanced quotes\nDONE 5 [PING]\n");
    ASSERT_TEXT("GET 'a\r\nPING\n", "INVALID 8 ERR unbalanced quotes\nDONE 5 [PING]\n");
    ASSERT_TEXT("GET \"a\"b\nPING\n", "INVALID 9 ERR unbalanced quotes\nDONE 5 [PING]\n");
    ASSERT_TEXT("GET \"a\\\"\nPING\n", "INVALID 9 ERR unbalanced quotes\nDONE 5 [PING]\n");
}

TEST(set_takes_its_value_from_the_payload)
{
    ASSERT_TEXT("SET mykey 0 5\nhello\nGET mykey\n",
                "DONE 20 [SET] [mykey] [hello]\nDONE 10 [GET] [mykey]\n");
    ASSERT_TEXT("set k 0 0\n\n", "DONE 11 [set] [k] []\n");
    ASSERT_TEXT("Set k 0 4\r\n\r\n\r\n\r\n", "DONE 17 [Set] [k] [\r\n\r\n]\n");
    ASSERT_TEXT("SET k 60 3\nabc\r\nPING\n", "DONE 16 [SET] [k] [abc] [EX] [60]\nDONE 5 [PING]\n");
    ASSERT_TEXT("SET k 0 11\nSET k 0 0\n\n\n", "DONE 23 [SET] [k] [SET k 0 0\n\n]\n");
}

TEST(options_of_set_follow_the_length)
{
    ASSERT_TEXT("SET k 0 1 NX GET\nv\n", "DONE 19 [SET] [k] [v] [NX] [GET]\n");
    ASSERT_TEXT("SET k 9 1 NX GET\nv\n", "DONE 19 [SET] [k] [v] [EX] [9] [NX] [GET]\n");
    ASSERT_TEXT("SET k 0 1 PX 5000 XX\nv\n", "DONE 23 [SET] [k] [v] [PX] [5000] [XX]\n");
    ASSERT_TEXT("SET k 0 1 rubbish\nv\n", "DONE 20 [SET] [k] [v] [rubbish]\n");
}

TEST(the_expiry_is_left_for_the_command_to_check)
{
    ASSERT_TEXT("SET k abc 1\nv\n", "DONE 14 [SET] [k] [v] [EX] [abc]\n");
    ASSERT_TEXT("SET k -1 1\nv\n", "DONE 13 [SET] [k] [v] [EX] [-1]\n");
    ASSERT_TEXT("SET k 00 1\nv\n", "DONE 13 [SET] [k] [v] [EX] [00]\n");
}

TEST(words_of_set_may_be_quoted)
{
    ASSERT_TEXT("SET \"a b\\x21\" 0 5\nhello\n", "DONE 24 [SET] [a b!] [hello]\n");
    ASSERT_TEXT("'SET' k '0' \"5\" \"N\\x58\"\nhello\n", "DONE 30 [SET] [k] [hello] [NX]\n");
    ASSERT_TEXT("\"\\x53ET\" k \"\\x37\" \"\\x35\"\nhello\n",
                "DONE 31 [SET] [k] [hello] [EX] [7]\n");
}

TEST(set_with_too_few_words_shows_the_right_form)
{
    static const char *const wrong[] = {"SET\n", "SET k\n", "SET k v\r\n", "set \"k\" 'v'\n"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char stream[64];
        char expected[256];
        snprintf(stream, sizeof(stream), "%sPING\n", wrong[i]);
        snprintf(expected, sizeof(expected),
                 "INVALID %zu ERR wrong number of words" SET_FORM "\nDONE 5 [PING]\n",
                 strlen(wrong[i]));
        assert_transcript(PROTOCOL_TEXT, bytes_of_string(stream), expected);
    }
}

TEST(a_wrong_length_is_fatal)
{
    char number_too_long[100]; // Quoted, so that it would have to be decoded.
    memset(number_too_long, '0', sizeof(number_too_long));
    number_too_long[0] = number_too_long[98] = '"';
    number_too_long[99] = '\0';
    const char *const wrong[] = {
        "-1",   "abc", "1.5",           "+1", "01", "536870913", "99999999999999999999999",
        "\"\"", "0x5", number_too_long,
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char stream[256];
        char expected[256];
        int size = snprintf(stream, sizeof(stream), "SET k 0 %s\nhello\n", wrong[i]) - 6;
        snprintf(expected, sizeof(expected),
                 "FATAL %d ERR Protocol error: invalid length of the value" SET_FORM "\n", size);
        assert_transcript(PROTOCOL_TEXT, bytes_of_string(stream), expected);
    }
}

TEST(a_payload_without_line_end_is_fatal)
{
    ASSERT_TEXT("SET k 0 5\nhello!\n",
                "FATAL 16 ERR Protocol error: the value must be followed by a line end\n");
    ASSERT_TEXT("SET k 0 5\nhello\r!\n",
                "FATAL 17 ERR Protocol error: the value must be followed by a line end\n");
    ASSERT_TEXT("SET k 0 0\nGET k\n",
                "FATAL 11 ERR Protocol error: the value must be followed by a line end\n");
}

TEST(lines_beyond_the_limit_are_fatal)
{
    char *stream = malloc(PROTO_LINE_MAX + 2);
    ck_assert_ptr_nonnull(stream);
    memset(stream, 'a', PROTO_LINE_MAX + 2);
    struct parser parser = {0};
    ck_assert_int_eq(parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX)).status, PARSE_MORE);
    struct parse_result result = parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX + 1));
    ck_assert_int_eq(result.status, PARSE_FATAL);
    ck_assert_str_eq(result.error, "ERR Protocol error: too big a line");
    stream[PROTO_LINE_MAX + 1] = '\n';
    parser = (struct parser){0};
    result = parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX + 2));
    ck_assert_int_eq(result.status, PARSE_FATAL);
    stream[PROTO_LINE_MAX] = '\n';
    parser = (struct parser){0};
    result = parse_once(&parser, bytes_make(stream, PROTO_LINE_MAX + 2));
    ck_assert_int_eq(result.status, PARSE_DONE);
    ck_assert_uint_eq(result.size, PROTO_LINE_MAX + 1);
    free(stream);
}

TEST(announced_sizes_only_wait_for_their_bytes)
{
    struct parser parser = {0};
    struct bytes input = BYTES("SET k 0 536870912\n");
    ck_assert_int_eq(parse_once(&parser, input).status, PARSE_MORE);
    ck_assert_uint_eq(parser.needed, input.size + PROTO_VALUE_MAX + 1);
    ck_assert_int_eq(parse_once(&parser, input).status, PARSE_MORE);
}

static void assert_drips_linearly(struct bytes stream, enum parse_status last)
{
    struct bytes args[8];
    struct parse_space space = {.args = args, .args_max = 8};
    struct parser parser = {0};
    struct parse_result result = {.status = PARSE_MORE};
    clock_t begin = clock();
    for (size_t size = 1; size <= stream.size && result.status == PARSE_MORE; size++) {
        request_parse(PROTOCOL_TEXT, &parser, bytes_make(stream.data, size), &space, &result);
    }
    ck_assert_int_eq(result.status, last);
    // Far beyond it when each call looks at all of it again.
    ck_assert_int_lt((clock() - begin) / CLOCKS_PER_SEC, 2);
}

TEST(bytes_that_drip_in_one_by_one_cost_linear_time)
{
    enum { VALUE = 1024 * 1024 };
    char *stream = malloc(VALUE + 64);
    ck_assert_ptr_nonnull(stream);
    memset(stream, 'v', VALUE + 64);
    assert_drips_linearly(bytes_make(stream, VALUE), PARSE_FATAL);
    int head = snprintf(stream, 64, "SET k 0 %d\n", VALUE);
    stream[head] = 'v';
    stream[head + VALUE] = '\n';
    assert_drips_linearly(bytes_make(stream, (size_t)head + VALUE + 1), PARSE_DONE);
    free(stream);
}
