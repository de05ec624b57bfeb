/* Strings set together, or under conditions. */
#include "harness.h"
#include "unit.h"

TEST(msetnx_sets_all_or_none)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSETNX a 1 b 2 a 3", ":1\r\n");
    EXPECT(h, "MGET a b", "*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
    EXPECT(h, "MSETNX c 1 b 3", ":0\r\n");
    EXPECT(h, "EXISTS c", ":0\r\n");
    EXPECT(h, "MSETNX c 1 d", "-ERR wrong number of arguments for 'msetnx' command\r\n");
    harness_destroy(h);
}

TEST(msetex_sets_all_with_one_deadline)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSETEX 2 a 1 b 2 PX 5000", ":1\r\n");
    EXPECT(h, "PTTL a", ":5000\r\n");
    EXPECT(h, "PTTL b", ":5000\r\n");
    EXPECT(h, "MSETEX 3 a 3 c 4 a 5 KEEPTTL", ":1\r\n");
    EXPECT(h, "PTTL a", ":5000\r\n");
    EXPECT(h, "PTTL c", ":-1\r\n");
    EXPECT(h, "MGET a c", "*2\r\n$1\r\n5\r\n$1\r\n4\r\n");
    EXPECT(h, "MSETEX 3 a 6 c 7 new 8 EX 9 XX", ":0\r\n");
    EXPECT(h, "MSETEX 2 new 8 a 6 NX", ":0\r\n");
    EXPECT(h, "MSETEX 2 a 6 c 7 XX EX 9", ":1\r\n");
    EXPECT(h, "PTTL c", ":9000\r\n");
    EXPECT(h, "MSETEX 2 a text c 7", ":1\r\n");
    EXPECT(h, "PTTL a", ":-1\r\n");
    EXPECT(h, "EXISTS new", ":0\r\n");
    EXPECT(h, "MSETEX 2 a 1 new 1 PXAT 1", ":1\r\n");
    EXPECT(h, "EXISTS a new", ":0\r\n");
    keyspace_validate(h->keyspace);
    harness_destroy(h);
}

TEST(msetex_mistakes)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSETEX x a 1", "-ERR invalid numkeys value\r\n");
    EXPECT(h, "MSETEX 0 a 1", "-ERR invalid numkeys value\r\n");
    EXPECT(h, "MSETEX 2147483648 a 1", "-ERR invalid numkeys value\r\n");
    EXPECT(h, "MSETEX 2147483647 a 1", "-ERR wrong number of key-value pairs\r\n");
    EXPECT(h, "MSETEX 2 a 1 b", "-ERR wrong number of key-value pairs\r\n");
    EXPECT(h, "MSETEX 1 a 1 NX XX", "-ERR syntax error\r\n");
    EXPECT(h, "MSETEX 1 a 1 EX 1 KEEPTTL", "-ERR syntax error\r\n");
    EXPECT(h, "MSETEX 1 a 1 b", "-ERR syntax error\r\n");
    EXPECT(h, "MSETEX 1 a 1 EX 0", "-ERR invalid expire time in 'msetex' command\r\n");
    EXPECT(h, "EXISTS a", ":0\r\n");
    harness_destroy(h);
}

TEST(set_compares_first)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k v IFEQ v", "$-1\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    EXPECT(h, "SET k v IFNE x", "+OK\r\n");
    EXPECT(h, "SET k w IFNE v", "$-1\r\n");
    EXPECT(h, "SET k w IFEQ x GET", "$1\r\nv\r\n");
    EXPECT(h, "SET k w IFEQ v GET", "$1\r\nv\r\n");
    EXPECT(h, "DIGEST k", "$16\r\naceee8f5de193e29\r\n");
    EXPECT(h, "SET k 12 IFDEQ ACEEE8F5DE193E29", "+OK\r\n");
    EXPECT(h, "SET k 13 IFDNE aceee8f5de193e29", "+OK\r\n");
    EXPECT(h, "SET k 14 IFEQ 13", "+OK\r\n");
    EXPECT(h, "SET k 15 IFDEQ acee", "-ERR must be exactly 16 hexadecimal characters\r\n");
    EXPECT(h, "SET k 15 IFEQ 14 NX", "-ERR syntax error\r\n");
    EXPECT(h, "SET k 15 XX IFNE 14", "-ERR syntax error\r\n");
    EXPECT(h, "SET k 15 IFEQ 14 IFEQ 14", "-ERR syntax error\r\n");
    EXPECT(h, "ZADD z 1 m", ":1\r\n");
    EXPECT(h, "SET z v IFNE x",
           "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    EXPECT(h, "GET k", "$2\r\n14\r\n");
    harness_destroy(h);
}

TEST(delex_and_delifeq_compare_first)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSET k v l v m v n v o v p v", "+OK\r\n");
    EXPECT(h, "DELIFEQ k x", ":0\r\n");
    EXPECT(h, "DELIFEQ k v", ":1\r\n");
    EXPECT(h, "DELIFEQ k v", ":0\r\n");
    EXPECT(h, "DELEX l IFEQ x", ":0\r\n");
    EXPECT(h, "DELEX l ifeq v", ":1\r\n");
    EXPECT(h, "DELEX m IFNE v", ":0\r\n");
    EXPECT(h, "DELEX m IFNE x", ":1\r\n");
    EXPECT(h, "DELEX n IFDEQ 0000000000000000", ":0\r\n");
    EXPECT(h, "DELEX n IFDNE 0000000000000000", ":1\r\n");
    EXPECT(h, "DELEX o", ":1\r\n");
    EXPECT(h, "DELEX o", ":0\r\n");
    EXPECT(h, "DELEX p IFEQ", "-ERR wrong number of arguments for 'delex' command\r\n");
    EXPECT(h, "DELEX p IF v", "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n");
    EXPECT(h, "DELEX p IFDEQ x", "-ERR must be exactly 16 hexadecimal characters\r\n");
    EXPECT(h, "ZADD z 1 m", ":1\r\n");
    EXPECT(h, "DELEX z IFEQ m",
           "-ERR Key should be of string type if conditions are specified\r\n");
    EXPECT(h, "DELEX z", ":1\r\n");
    EXPECT(h, "EXISTS p", ":1\r\n");
    harness_destroy(h);
}

TEST(older_forms_of_set)
{
    struct harness *h = harness_create();
    EXPECT(h, "SETNX k 1", ":1\r\n");
    EXPECT(h, "SETNX k 2", ":0\r\n");
    EXPECT(h, "GETSET k 3", "$1\r\n1\r\n");
    EXPECT(h, "GETSET new 3", "$-1\r\n");
    EXPECT(h, "SETEX k 10 v", "+OK\r\n");
    EXPECT(h, "PTTL k", ":10000\r\n");
    EXPECT(h, "PSETEX k 10 v", "+OK\r\n");
    EXPECT(h, "PTTL k", ":10\r\n");
    EXPECT(h, "GETSET k w", "$1\r\nv\r\n");
    EXPECT(h, "PTTL k", ":-1\r\n");
    EXPECT(h, "SETEX k 0 v", "-ERR invalid expire time in 'setex' command\r\n");
    EXPECT(h, "PSETEX k 9223372036854775807 v", "-ERR invalid expire time in 'psetex' command\r\n");
    EXPECT(h, "SETEX k x v", "-ERR value is not an integer or out of range\r\n");
    EXPECT(h, "GET k", "$1\r\nw\r\n");
    harness_destroy(h);
}
