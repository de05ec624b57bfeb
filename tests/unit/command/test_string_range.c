/* Parts of strings. */
#include "harness.h"
#include "unit.h"

TEST(getrange_counts_from_either_end)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k \"Hello World\"", "+OK\r\n");
    EXPECT(h, "GETRANGE k 0 3", "$4\r\nHell\r\n");
    EXPECT(h, "SUBSTR k -4 -1", "$4\r\norld\r\n");
    EXPECT(h, "GETRANGE k 5 3", "$0\r\n\r\n");
    EXPECT(h, "GETRANGE k -5000 10000", "$11\r\nHello World\r\n");
    EXPECT(h, "GETRANGE k 0 -100", "$1\r\nH\r\n");
    EXPECT(h, "GETRANGE k -100 -99", "$1\r\nH\r\n");
    EXPECT(h, "GETRANGE k -100 -101", "$0\r\n\r\n");
    EXPECT(h, "GETRANGE k -9223372036854775808 9223372036854775807", "$11\r\nHello World\r\n");
    EXPECT(h, "GETRANGE absent 0 -1", "$0\r\n\r\n");
    EXPECT(h, "SET k 1234", "+OK\r\n");
    EXPECT(h, "GETRANGE k -3 -1", "$3\r\n234\r\n");
    EXPECT(h, "GETRANGE k 0 x", "-ERR value is not an integer or out of range\r\n");
    harness_destroy(h);
}

TEST(setrange_overwrites_and_fills_with_zeros)
{
    struct harness *h = harness_create();
    EXPECT(h, "SETRANGE k 0 \"\"", ":0\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    EXPECT(h, "SETRANGE k 0 foo", ":3\r\n");
    EXPECT(h, "SETRANGE k 1 b", ":3\r\n");
    EXPECT(h, "GET k", "$3\r\nfbo\r\n");
    EXPECT(h, "SETRANGE k 2 \"\"", ":3\r\n");
    EXPECT(h, "SET n 1234", "+OK\r\n");
    EXPECT(h, "SETRANGE n 1 3", ":4\r\n");
    EXPECT(h, "GET n", "$4\r\n1334\r\n");
    EXPECT(h, "SETRANGE pad 2 xy", ":4\r\n");
    EXPECT(h, "STRLEN pad", ":4\r\n");
    EXPECT(h, "GETRANGE pad 2 3", "$2\r\nxy\r\n");
    EXPECT(h, "BITCOUNT pad 0 1", ":0\r\n");
    EXPECT(h, "SETRANGE k -1 x", "-ERR offset is out of range\r\n");
    EXPECT(h, "SETRANGE k 536870909 four",
           "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
    EXPECT(h, "GET k", "$3\r\nfbo\r\n");
    harness_destroy(h);
}

TEST(lcs_answers_the_subsequence_its_length_or_its_runs)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSET a ohmytext b mynewtext", "+OK\r\n");
    EXPECT(h, "LCS a b", "$6\r\nmytext\r\n");
    EXPECT(h, "LCS a b len", ":6\r\n");
    EXPECT(h, "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
           "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n"
           "$3\r\nlen\r\n:6\r\n");
    EXPECT(h, "LCS a absent", "$0\r\n\r\n");
    EXPECT(h, "LCS absent a IDX", "*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
    EXPECT(h, "LCS a b LEN IDX",
           "-ERR If you want both the length and indexes, please just use IDX.\r\n");
    EXPECT(h, "LCS a b FOO", "-ERR syntax error\r\n");
    h->session.protocol = PROTOCOL_RESP3;
    EXPECT(h, "LCS absent a IDX", "%2\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
    EXPECT(h, "ZADD z 1 m", ":1\r\n");
    EXPECT(h, "LCS a z FOO", "-ERR The specified keys must contain string values\r\n");
    harness_destroy(h);
}

TEST(lcs_of_long_strings_is_left_to_the_background_and_limited)
{
    struct harness *h = harness_create();
    EXPECT(h, "SETBIT a 79999 1", ":0\r\n"); // 10,000 bytes.
    EXPECT(h, "SETBIT b 79991 1", ":0\r\n");
    EXPECT(h, "LCS a b LEN", ":9999\r\n");
    ck_assert(h->was_deferred);
    EXPECT(h, "SETBIT b 160000 1", ":0\r\n");
    EXPECT(h, "LCS a b LEN",
           "-ERR Insufficient memory, transient memory for LCS exceeds "
           "proto-max-bulk-len\r\n");
    harness_destroy(h);
}

TEST(floats_are_added_and_written_in_full)
{
    struct harness *h = harness_create();
    EXPECT(h, "INCRBYFLOAT k 0.1", "$3\r\n0.1\r\n");
    EXPECT(h, "INCRBYFLOAT k 0.2", "$3\r\n0.3\r\n");
    EXPECT(h, "INCRBYFLOAT k -1.3e0", "$2\r\n-1\r\n");
    EXPECT(h, "INCRBYFLOAT k 1e18", "$18\r\n999999999999999999\r\n");
    EXPECT(h, "SET k 1 PX 5000", "+OK\r\n");
    EXPECT(h, "INCRBYFLOAT k 1", "$1\r\n2\r\n");
    EXPECT(h, "PTTL k", ":5000\r\n");
    EXPECT(h, "INCRBYFLOAT k x", "-ERR value is not a valid float\r\n");
    EXPECT(h, "INCRBYFLOAT k inf", "-ERR increment would produce NaN or Infinity\r\n");
    EXPECT(h, "SET k text", "+OK\r\n");
    EXPECT(h, "INCRBYFLOAT k 1", "-ERR value is not a valid float\r\n");
    harness_destroy(h);
}
