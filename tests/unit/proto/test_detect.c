/* The first line of a connection. */
#include "proto/request.h"

#include "transcript.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#define ASSERT_STREAM(stream, expected) assert_transcript(PROTOCOL_UNKNOWN, BYTES(stream), expected)

#define SET_FORM ", it is: SET key expiry length, and the value on the next line"

static const char too_big[] = "ERR Protocol error: too big inline request";

TEST(a_star_is_resp)
{
    ASSERT_STREAM("*1\r\n$4\r\nPING\r\n", "PROTOCOL resp2\nDONE 14 [PING]\n");
    ASSERT_STREAM("*1\r\n$4\r\nPING\r\nPING\r\n",
                  "PROTOCOL resp2\nDONE 14 [PING]\nDONE 6 [PING]\n");
    ASSERT_STREAM("*x\n\r\n", "PROTOCOL resp2\nFATAL 5 ERR Protocol error: invalid multibulk "
                              "length\n");
}

TEST(a_request_line_is_http)
{
    ASSERT_STREAM("GET /health HTTP/1.1\r\n\r\n", "PROTOCOL http\nHTTP 24 200 [/health]\n");
    ASSERT_STREAM("GET /health HTTP/1.0\n\nFLUSHALL\n", "PROTOCOL http\nHTTP 22 200 [/health]\n");
    ASSERT_STREAM("SET k HTTP/1.1\r\n\r\nFLUSHALL\r\n", "PROTOCOL http\nHTTP 18 405 []\n");
    ASSERT_STREAM("SET k 0 5 HTTP/1.1\n\n", "PROTOCOL http\nHTTP 20 400 []\n");
    ASSERT_STREAM("POST / HTTP/1.1 \r\n\r\nFLUSHALL\r\n", "PROTOCOL http\nHTTP 20 400 []\n");
    ASSERT_STREAM("GET /'a b HTTP/1.1\r\n\r\n", "PROTOCOL http\nHTTP 22 400 []\n");
    ASSERT_STREAM("\r\nGET / HTTP/1.1\r\n\r\n", "EMPTY 2\nPROTOCOL http\nHTTP 18 404 [/]\n");
    ASSERT_STREAM("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PROTOCOL http\nHTTP 18 505 []\n");
}

TEST(what_only_resembles_http_is_not)
{
    ASSERT_STREAM("GET HTTP/1.1\r\n", "PROTOCOL resp2\nDONE 14 [GET] [HTTP/1.1]\n");
    ASSERT_STREAM("MGET a HTTP/\r\n", "PROTOCOL resp2\nDONE 14 [MGET] [a] [HTTP/]\n");
    ASSERT_STREAM("SET k \"HTTP/1.1\"\r\n", "PROTOCOL resp2\nDONE 18 [SET] [k] [HTTP/1.1]\n");
    ASSERT_STREAM("MGET HTTP/1.1 a\n", "PROTOCOL text\nDONE 16 [MGET] [HTTP/1.1] [a]\n");
}

TEST(a_set_with_expiry_and_length_is_native_whatever_its_end)
{
    ASSERT_STREAM("SET k 0 5\r\nhello\r\nGET k\r\n",
                  "PROTOCOL text\nDONE 18 [SET] [k] [hello]\nDONE 7 [GET] [k]\n");
    ASSERT_STREAM("SET k 0 5\nhello\n", "PROTOCOL text\nDONE 16 [SET] [k] [hello]\n");
    ASSERT_STREAM("set k 0 1 NX\r\nv\n", "PROTOCOL text\nDONE 16 [set] [k] [v] [NX]\n");
    ASSERT_STREAM("\"SET\" 'a b' \"0\" '1'\r\nv\n", "PROTOCOL text\nDONE 23 [SET] [a b] [v]\n");
    ASSERT_STREAM("SET k -1 1\r\nv\n", "PROTOCOL text\nDONE 14 [SET] [k] [v] [EX] [-1]\n");
    ASSERT_STREAM("SET k 0 -1\r\n",
                  "PROTOCOL text\nFATAL 12 ERR Protocol error: invalid length of the value" SET_FORM
                  "\n");
}

TEST(a_set_of_redis_is_not)
{
    ASSERT_STREAM("SET k v\r\n", "PROTOCOL resp2\nDONE 9 [SET] [k] [v]\n");
    ASSERT_STREAM("SET k 1\r\n", "PROTOCOL resp2\nDONE 9 [SET] [k] [1]\n");
    ASSERT_STREAM("SET k 5 EX 10\r\n", "PROTOCOL resp2\nDONE 15 [SET] [k] [5] [EX] [10]\n");
    ASSERT_STREAM("SETEX k 5 10\r\n", "PROTOCOL resp2\nDONE 14 [SETEX] [k] [5] [10]\n");
}

TEST(cr_lf_is_redis_inline_form_and_arrays_may_follow)
{
    ASSERT_STREAM("PING\r\n*1\r\n$4\r\nPING\r\nPING\nSET k 0 5\r\n",
                  "PROTOCOL resp2\nDONE 6 [PING]\nDONE 14 [PING]\nDONE 5 [PING]\n"
                  "DONE 11 [SET] [k] [0] [5]\n");
    ASSERT_STREAM("GET a\"b c\"\r\n", "PROTOCOL resp2\nDONE 12 [GET] [ab c]\n");
    ASSERT_STREAM("GET \"a\r\n", "PROTOCOL resp2\nFATAL 8 ERR Protocol error: unbalanced quotes in "
                                 "request\n");
}

TEST(lf_alone_is_native_text)
{
    ASSERT_STREAM("PING\nGET k\r\n*1\n",
                  "PROTOCOL text\nDONE 5 [PING]\nDONE 7 [GET] [k]\nDONE 3 [*1]\n");
    ASSERT_STREAM("SET k v\nPING\n", "PROTOCOL text\nINVALID 8 ERR wrong number of words" SET_FORM
                                     "\nDONE 5 [PING]\n");
    ASSERT_STREAM("GET \"a\n", "PROTOCOL text\nINVALID 7 ERR unbalanced quotes\n");
}

TEST(empty_lines_decide_nothing)
{
    ASSERT_STREAM("\r\n\n \t \r\n\nPING\n",
                  "EMPTY 2\nEMPTY 1\nEMPTY 5\nEMPTY 1\nPROTOCOL text\nDONE 5 [PING]\n");
    ASSERT_STREAM("\n\r\nPING\r\n", "EMPTY 1\nEMPTY 2\nPROTOCOL resp2\nDONE 6 [PING]\n");
    ASSERT_STREAM("\n*1\r\n$4\r\nPING\r\n", "EMPTY 1\nPROTOCOL resp2\nDONE 14 [PING]\n");
    ASSERT_STREAM("\n \r \n", "EMPTY 1\nPROTOCOL text\nDONE 4 [\r]\n");
}

TEST(bytes_that_no_request_begins_with_close)
{
    assert_transcript(PROTOCOL_UNKNOWN, BYTES("\x16"),
                      "FATAL 1 ERR Protocol error: this port does not speak TLS\n");
    static const unsigned char firsts[] = {0, 1, 8, 0x0B, 0x1F, 0x7F, 0x80, 0xEF, 0xFF};
    for (size_t i = 0; i < sizeof(firsts); i++) {
        assert_transcript(PROTOCOL_UNKNOWN, bytes_make((const char *)&firsts[i], 1),
                          "FATAL 1 ERR Protocol error: no request begins with this byte\n");
    }
}

// A first line of `size` bytes before its LF; the caller frees it.
static char *long_line(size_t size)
{
    char *line = malloc(size + 1);
    ck_assert_ptr_nonnull(line);
    memset(line, 'x', size);
    line[size] = '\n';
    return line;
}

static struct transcript read_in_pieces(struct bytes stream, size_t piece)
{
    struct transcript_pieces pieces = {
        .first = piece, .next = piece, .args_max = 64, .text_max = 64};
    return transcript_of(PROTOCOL_UNKNOWN, stream, pieces);
}

TEST(a_first_line_has_a_limit_however_it_comes)
{
    static const size_t pieces[] = {1000, (size_t)64 * 1024, SIZE_MAX};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        char *line = long_line(PROTO_LINE_MAX);
        struct transcript longest = read_in_pieces(bytes_make(line, PROTO_LINE_MAX + 1), pieces[i]);
        ck_assert_int_eq(strncmp(longest.text, "PROTOCOL text\nDONE 65537 [xxx", 29), 0);
        free(longest.text);
        free(line);

        line = long_line(PROTO_LINE_MAX + 1);
        char expected[128];
        snprintf(expected, sizeof(expected), "FATAL %d %s\n", PROTO_LINE_MAX + 1, too_big);
        struct transcript longer = read_in_pieces(bytes_make(line, PROTO_LINE_MAX + 2), pieces[i]);
        ck_assert_str_eq(longer.text, expected);
        free(longer.text);
        free(line);
    }
}

TEST(bytes_of_a_first_line_that_drips_in_are_looked_at_once)
{
    char *line = long_line(PROTO_LINE_MAX);
    struct parser parser = {0};
    struct parse_space space = {0};
    struct parse_result result;
    for (size_t size = 1; size <= PROTO_LINE_MAX; size++) {
        request_parse(PROTOCOL_UNKNOWN, &parser, bytes_make(line, size), &space, &result);
        ck_assert_int_eq(result.status, PARSE_MORE);
        ck_assert_uint_eq(parser.scanned, size);
        ck_assert_uint_eq(parser.needed, size + 1);
    }
    free(line);
}
