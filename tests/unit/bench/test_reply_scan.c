#include "load/reply_scan.h"

#include "unit.h"

/* Feed `input` in pieces of `step` bytes. */
static struct reply_tally scan(enum load_protocol protocol, struct bytes input, size_t step)
{
    struct reply_scan scan;
    struct reply_tally tally = {0};
    reply_scan_init(&scan, protocol);
    for (size_t at = 0; at < input.size; at += step) {
        size_t left = input.size - at;
        reply_scan_feed(&scan, bytes_make(input.data + at, left < step ? left : step), &tally);
    }
    return tally;
}

/* The counts are the same however the bytes are cut. */
static void check(enum load_protocol protocol, struct bytes input, uint64_t replies,
                  uint64_t errors)
{
    for (size_t step = 1; step <= input.size; step++) {
        struct reply_tally tally = scan(protocol, input, step);
        ck_assert(!tally.broken);
        ck_assert_uint_eq(tally.replies, replies);
        ck_assert_uint_eq(tally.errors, errors);
        ck_assert_uint_eq(tally.bytes, input.size);
    }
}

TEST(simple_replies_are_counted)
{
    check(LOAD_RESP, BYTES("+OK\r\n:12\r\n:-1\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n"), 6, 0);
}

TEST(bulks_may_hold_what_looks_like_replies)
{
    check(LOAD_RESP, BYTES("$12\r\n+OK\r\n-ERR\r\n*\r\n:1\r\n"), 2, 0);
}

TEST(an_array_is_one_reply)
{
    check(LOAD_RESP, BYTES("*2\r\n$1\r\na\r\n:1\r\n*0\r\n*-1\r\n"), 3, 0);
}

TEST(arrays_nest)
{
    check(LOAD_RESP, BYTES("*3\r\n*2\r\n:1\r\n*1\r\n$2\r\nhi\r\n*0\r\n+x\r\n:9\r\n"), 2, 0);
}

TEST(errors_are_counted_and_the_first_is_kept)
{
    struct bytes input = BYTES("+OK\r\n-ERR no such thing\r\n-WRONGTYPE other\r\n");
    check(LOAD_RESP, input, 3, 2);
    struct reply_tally tally = scan(LOAD_RESP, input, 3);
    ck_assert_uint_eq(tally.error_size, sizeof("ERR no such thing") - 1);
    ck_assert_mem_eq(tally.error, "ERR no such thing", tally.error_size);
}

TEST(an_error_inside_an_array_is_no_failed_request)
{
    check(LOAD_RESP, BYTES("*2\r\n-ERR one\r\n+OK\r\n"), 1, 0);
}

TEST(a_long_error_is_cut)
{
    char line[400];
    memset(line, 'e', sizeof(line));
    line[0] = '-';
    line[sizeof(line) - 1] = '\n';
    struct reply_tally tally = scan(LOAD_RESP, bytes_make(line, sizeof(line)), 7);
    ck_assert_uint_eq(tally.errors, 1);
    ck_assert_uint_eq(tally.error_size, REPLY_ERROR_SIZE_MAX);
}

TEST(an_incomplete_reply_is_not_counted)
{
    ck_assert_uint_eq(scan(LOAD_RESP, BYTES("$5\r\nhello\r"), 4).replies, 0);
    ck_assert_uint_eq(scan(LOAD_RESP, BYTES("*2\r\n:1\r\n"), 4).replies, 0);
    ck_assert_uint_eq(scan(LOAD_RESP, BYTES(":1\r"), 4).replies, 0);
}

TEST(bytes_that_are_no_reply_are_noticed)
{
    ck_assert(scan(LOAD_RESP, BYTES("HTTP/1.1 400\r\n"), 100).broken);
    ck_assert(scan(LOAD_TEXT, BYTES("$5\r\nhello\r\n"), 100).broken);
}

TEST(native_replies_are_counted)
{
    check(LOAD_TEXT, BYTES("+OK\n+VALUE 5\nhello\n+NIL\n:-2\n+VALUE 0\n\n-ERR what\n"), 6, 1);
    check(LOAD_TEXT, BYTES("*3\n+VALUE 2\n+O\n*1\n:1\n+NIL\n+PONG\n"), 2, 0);
}
