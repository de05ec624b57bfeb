/* Commands on keys of any type, and on whole databases. */
#include "harness.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYNTAX      "-ERR syntax error\r\n"
#define NOT_INTEGER "-ERR value is not an integer or out of range\r\n"

TEST(keys_are_deleted_and_counted)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSET a 1 b 2 c 3", "+OK\r\n");
    EXPECT(h, "ZADD z 1 m", ":1\r\n");
    EXPECT(h, "EXISTS a b z a x", ":4\r\n");
    EXPECT(h, "DEL a a x", ":1\r\n");
    EXPECT(h, "UNLINK b z c b", ":3\r\n");
    EXPECT(h, "DBSIZE", ":0\r\n");
    harness_destroy(h);
}

TEST(more_keys_than_fit_inline)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSET a 1 b 1 c 1 d 1 e 1 f 1 g 1 h 1 i 1 j 1 k 1 l 1 m 1 n 1 o 1 p 1 q 1 r 1",
           "+OK\r\n");
    EXPECT(h, "EXISTS a b c d e f g h i j k l m n o p q r s", ":18\r\n");
    EXPECT(h, "DEL a b c d e f g h i j k l m n o p q r s", ":18\r\n");
    EXPECT(h, "DBSIZE", ":0\r\n");
    harness_destroy(h);
}

TEST(types_have_redis_names)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSET s x n 1", "+OK\r\n");
    EXPECT(h, "ZADD z 1 m", ":1\r\n");
    EXPECT(h, "TYPE s", "+string\r\n");
    EXPECT(h, "TYPE n", "+string\r\n");
    EXPECT(h, "TYPE z", "+zset\r\n");
    EXPECT(h, "TYPE x", "+none\r\n");
    harness_destroy(h);
}

TEST(deadlines_are_told_in_four_ways)
{
    struct harness *h = harness_create(); // The clock says 1000000 ms.
    EXPECT(h, "SET k v", "+OK\r\n");
    EXPECT(h, "TTL k", ":-1\r\n");
    EXPECT(h, "PTTL k", ":-1\r\n");
    EXPECT(h, "EXPIRETIME k", ":-1\r\n");
    EXPECT(h, "PEXPIRETIME k", ":-1\r\n");
    EXPECT(h, "TTL x", ":-2\r\n");
    EXPECT(h, "PTTL x", ":-2\r\n");
    EXPECT(h, "EXPIRETIME x", ":-2\r\n");
    EXPECT(h, "PEXPIRETIME x", ":-2\r\n");
    EXPECT(h, "PEXPIREAT k 1001499", ":1\r\n");
    EXPECT(h, "TTL k", ":1\r\n");
    EXPECT(h, "PTTL k", ":1499\r\n");
    EXPECT(h, "EXPIRETIME k", ":1001\r\n");
    EXPECT(h, "PEXPIRETIME k", ":1001499\r\n");
    EXPECT(h, "PEXPIRE k 1500", ":1\r\n");
    EXPECT(h, "TTL k", ":2\r\n");
    EXPECT(h, "EXPIRE k 20", ":1\r\n");
    EXPECT(h, "TTL k", ":20\r\n");
    EXPECT(h, "EXPIREAT k 2000", ":1\r\n");
    EXPECT(h, "TTL k", ":1000\r\n");
    harness_destroy(h);
}

TEST(deadlines_in_the_past_delete)
{
    struct harness *h = harness_create();
    const char *const lines[] = {"EXPIRE k 0",
                                 "EXPIRE k -5",
                                 "PEXPIRE k 0",
                                 "EXPIREAT k 1000",
                                 "PEXPIREAT k 1000000",
                                 "PEXPIREAT k -1",
                                 "PEXPIREAT k -9223372036854775808"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        EXPECT(h, "SET k v", "+OK\r\n");
        EXPECT(h, lines[i], ":1\r\n");
        EXPECT(h, "EXISTS k", ":0\r\n");
        EXPECT(h, lines[i], ":0\r\n");
    }
    harness_destroy(h);
}

TEST(expire_refuses_what_does_not_fit)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k v", "+OK\r\n");
    EXPECT(h, "EXPIRE k 9223372036854775807", "-ERR invalid expire time in 'expire' command\r\n");
    EXPECT(h, "EXPIRE k -9223372036854775808", "-ERR invalid expire time in 'expire' command\r\n");
    EXPECT(h, "PEXPIRE k 9223372036854775807", "-ERR invalid expire time in 'pexpire' command\r\n");
    EXPECT(h, "EXPIREAT k 9223372036854775", ":1\r\n");
    EXPECT(h, "EXPIREAT k 9223372036854776", "-ERR invalid expire time in 'expireat' command\r\n");
    EXPECT(h, "PEXPIREAT k 9223372036854775807", ":1\r\n");
    EXPECT(h, "EXPIRE k ten", NOT_INTEGER);
    EXPECT(h, "EXPIRE k 10 FOO", "-ERR Unsupported option FOO\r\n");
    EXPECT(h, "EXPIRE k 10 NX XX",
           "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
    EXPECT(h, "EXPIRE k 10 NX GT",
           "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
    EXPECT(h, "EXPIRE k 10 GT LT",
           "-ERR GT and LT options at the same time are not compatible\r\n");
    harness_destroy(h);
}

TEST(expire_obeys_its_conditions)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k v", "+OK\r\n");
    EXPECT(h, "EXPIRE k 10 XX", ":0\r\n");
    EXPECT(h, "EXPIRE k 10 GT", ":0\r\n");
    EXPECT(h, "EXPIRE k 10 nx", ":1\r\n");
    EXPECT(h, "EXPIRE k 20 NX", ":0\r\n");
    EXPECT(h, "EXPIRE k 10 GT", ":0\r\n");
    EXPECT(h, "EXPIRE k 10 LT", ":0\r\n");
    EXPECT(h, "EXPIRE k 11 XX GT", ":1\r\n");
    EXPECT(h, "EXPIRE k 9 XX LT", ":1\r\n");
    EXPECT(h, "TTL k", ":9\r\n");
    EXPECT(h, "PERSIST k", ":1\r\n");
    EXPECT(h, "EXPIRE k 9 LT", ":1\r\n");
    EXPECT(h, "EXPIRE k -1 GT", ":0\r\n");
    EXPECT(h, "EXPIRE k -1 LT", ":1\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    harness_destroy(h);
}

TEST(persist_takes_the_deadline_away)
{
    struct harness *h = harness_create();
    EXPECT(h, "PERSIST k", ":0\r\n");
    EXPECT(h, "ZADD k 1 m", ":1\r\n");
    EXPECT(h, "PERSIST k", ":0\r\n");
    EXPECT(h, "EXPIRE k 5", ":1\r\n");
    EXPECT(h, "PERSIST k", ":1\r\n");
    EXPECT(h, "TTL k", ":-1\r\n");
    EXPECT(h, "ZSCORE k m", "$1\r\n1\r\n");
    harness_destroy(h);
}

TEST(databases_are_apart_and_flushed_apart)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k 0", "+OK\r\n");
    EXPECT(h, "SELECT 3", "+OK\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    EXPECT(h, "SET k 3", "+OK\r\n");
    EXPECT(h, "FLUSHDB", "+OK\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    EXPECT(h, "SET k 3", "+OK\r\n");
    EXPECT(h, "SELECT 0", "+OK\r\n");
    EXPECT(h, "GET k", "$1\r\n0\r\n");
    EXPECT(h, "FLUSHALL async", "+OK\r\n");
    EXPECT(h, "DBSIZE", ":0\r\n");
    EXPECT(h, "SELECT 3", "+OK\r\n");
    EXPECT(h, "DBSIZE", ":0\r\n");
    EXPECT(h, "FLUSHDB SYNC", "+OK\r\n");
    EXPECT(h, "FLUSHDB SOON", SYNTAX);
    EXPECT(h, "FLUSHALL SYNC ASYNC", SYNTAX);
    EXPECT(h, "SELECT 4", "-ERR DB index is out of range\r\n");
    EXPECT(h, "SELECT -1", "-ERR DB index is out of range\r\n");
    EXPECT(h, "SELECT x", NOT_INTEGER);
    EXPECT(h, "SELECT 2147483648",
           "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
    harness_destroy(h);
}

TEST(randomkey_finds_the_only_key)
{
    struct harness *h = harness_create();
    EXPECT(h, "RANDOMKEY", "$-1\r\n");
    EXPECT(h, "SET only 1", "+OK\r\n");
    EXPECT(h, "RANDOMKEY", "$4\r\nonly\r\n");
    EXPECT(h, "PEXPIRE only 5", ":1\r\n");
    h->context.now_ms += 5;
    EXPECT(h, "RANDOMKEY", "$-1\r\n");
    harness_destroy(h);
}

TEST(keys_are_listed_by_pattern)
{
    struct harness *h = harness_create();
    EXPECT(h, "KEYS *", "*0\r\n");
    EXPECT(h, "MSET one 1 two 2 three 3 \"\" 0", "+OK\r\n");
    EXPECT(h, "KEYS o*", "*1\r\n$3\r\none\r\n");
    ck_assert(h->was_deferred);
    EXPECT(h, "KEYS t[i-w]*e", "*0\r\n");
    EXPECT(h, "KEYS t[a-i]*e", "*1\r\n$5\r\nthree\r\n");
    EXPECT(h, "KEYS x", "*0\r\n");
    ck_assert_int_eq(strncmp(harness_run(h, "KEYS *"), "*4\r\n", 4), 0);
    EXPECT(h, "SELECT 1", "+OK\r\n");
    EXPECT(h, "KEYS *", "*0\r\n");
    harness_destroy(h);
}

// Walk with SCAN and mark in `seen` every key "key:<i>" that comes; how many calls.
static unsigned scan_all(struct harness *h, const char *options, unsigned char *seen, size_t keys)
{
    unsigned calls = 0;
    char cursor[32] = "0";
    do {
        char line[128];
        (void)snprintf(line, sizeof(line), "SCAN %s %s", cursor, options);
        const char *reply = harness_run(h, line);
        ck_assert_int_eq(sscanf(reply, "*2\r\n$%*u\r\n%31s\r\n", cursor), 1);
        for (const char *at = reply; (at = strstr(at, "key:")) != NULL; at++) {
            size_t i = strtoul(at + 4, NULL, 10);
            ck_assert_uint_lt(i, keys);
            seen[i]++;
        }
        calls++;
    } while (strcmp(cursor, "0") != 0);
    return calls;
}

TEST(scan_finds_each_key_once)
{
    enum { KEYS = 5000 };
    struct harness *h = harness_create();
    static const char *const options[] = {
        "", "COUNT 1", "COUNT 1000", "COUNT 1001", "COUNT 100000 MATCH *", "TYPE string"};
    for (int i = 0; i < KEYS; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "SET key:%d %d", i, i);
        EXPECT(h, line, "+OK\r\n");
    }
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        unsigned char seen[KEYS] = {0};
        (void)scan_all(h, options[i], seen, KEYS);
        for (int j = 0; j < KEYS; j++) {
            ck_assert_msg(seen[j] == 1, "key %d: %d times with %s", j, seen[j], options[i]);
        }
    }
    unsigned char seen[KEYS] = {0};
    ck_assert_uint_eq(scan_all(h, "COUNT 100000", seen, KEYS), 1);
    ck_assert(h->was_deferred);
    memset(seen, 0, sizeof(seen));
    (void)scan_all(h, "COUNT 7 MATCH key:4[0-9][0-9]9", seen, KEYS);
    for (int j = 0; j < KEYS; j++) {
        ck_assert_int_eq(seen[j], j >= 4000 && j % 10 == 9);
    }
    harness_destroy(h);
}

TEST(scan_selects_by_type)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET s v", "+OK\r\n");
    EXPECT(h, "ZADD z 1 m", ":1\r\n");
    EXPECT(h, "SCAN 0 TYPE string", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\ns\r\n");
    EXPECT(h, "SCAN 0 TYPE ZSET", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nz\r\n");
    EXPECT(h, "SCAN 0 TYPE hash", "*2\r\n$1\r\n0\r\n*0\r\n");
    EXPECT(h, "SCAN 0 MATCH z TYPE zset COUNT 2000", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nz\r\n");
    harness_destroy(h);
}

TEST(scan_refuses_what_it_does_not_know)
{
    struct harness *h = harness_create();
    EXPECT(h, "SCAN x", "-ERR invalid cursor\r\n");
    EXPECT(h, "SCAN -1", "-ERR invalid cursor\r\n");
    EXPECT(h, "SCAN 18446744073709551616", "-ERR invalid cursor\r\n");
    EXPECT(h, "SCAN 0 COUNT 0", SYNTAX);
    EXPECT(h, "SCAN 0 COUNT x", NOT_INTEGER);
    EXPECT(h, "SCAN 0 COUNT", SYNTAX);
    EXPECT(h, "SCAN 0 FOO 1", SYNTAX);
    EXPECT(h, "SCAN 18446744073709551615", "*2\r\n$1\r\n0\r\n*0\r\n");
    harness_destroy(h);
}

static void release_all(struct harness *h)
{
    struct access access = {0};
    access_open(&access, h->keyspace, h->thread, 0, h->context.now_ms);
    for (uint32_t shard = 0; shard < keyspace_shards(h->keyspace); shard++) {
        access_unlock(&access, &shard, 1);
    }
}

TEST(scan_of_a_busy_shard_goes_on_in_the_background)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET b 1", "+OK\r\n");
    struct access access = {0};
    access_open(&access, h->keyspace, h->thread, 0, h->context.now_ms);
    for (uint32_t shard = 0; shard < keyspace_shards(h->keyspace); shard++) {
        access_lock_wait(&access, shard);
    }
    // A step that begins before the busy shard ends there, without it.
    h->before_job = release_all;
    const char *reply = harness_run(h, "SCAN 0");
    if (!h->was_deferred) {
        char line[64];
        const char *digits = strchr(reply + 4, '\n') + 1;
        (void)snprintf(line, sizeof(line), "SCAN %.*s", (int)strcspn(digits, "\r"), digits);
        reply = harness_run(h, line);
    }
    ck_assert(h->was_deferred);
    ck_assert_str_eq(reply, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n");
    harness_destroy(h);
}

TEST(patterns_that_take_too_long_are_refused)
{
    enum { KEY = 6000 };
    struct harness *h = harness_create();
    char key[KEY];
    char pattern[KEY / 2 + 3];
    struct bytes reply;
    memset(key, 'a', sizeof(key));
    memset(pattern, '?', sizeof(pattern));
    pattern[0] = pattern[sizeof(pattern) - 1] = '*';
    pattern[sizeof(pattern) - 2] = 'b';
    const struct bytes set[] = {BYTES("SET"), bytes_make(key, sizeof(key)), BYTES("1")};
    const struct bytes keys[] = {BYTES("KEYS"), bytes_make(pattern, sizeof(pattern))};
    const struct bytes scan[] = {BYTES("SCAN"), BYTES("0"), BYTES("MATCH"), keys[1]};
    ck_assert_int_eq(harness_try(h, set, 3, &reply), CALL_DONE);
    ck_assert_int_eq(harness_try(h, keys, 2, &reply), CALL_DONE);
    ck_assert_int_eq(strncmp(reply.data, "-ERR matching this pattern takes too long", 41), 0);
    ck_assert_int_eq(harness_try(h, scan, 4, &reply), CALL_DONE);
    ck_assert_int_eq(reply.data[0], '-');
    // Without the last literal, the work is small.
    const struct bytes easy[] = {BYTES("KEYS"), bytes_make(pattern, sizeof(pattern) - 2)};
    ck_assert_int_eq(harness_try(h, easy, 2, &reply), CALL_DONE);
    ck_assert_int_eq(strncmp(reply.data, "*1\r\n", 4), 0);
    harness_destroy(h);
}
