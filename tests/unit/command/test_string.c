/* Commands on strings. */
#include "harness.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRONG_TYPE  "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define SYNTAX      "-ERR syntax error\r\n"
#define NOT_INTEGER "-ERR value is not an integer or out of range\r\n"

TEST(get_answers_what_set_stored)
{
    struct harness *h = harness_create();
    EXPECT(h, "GET k", "$-1\r\n");
    EXPECT(h, "SET k v", "+OK\r\n");
    EXPECT(h, "get k", "$1\r\nv\r\n");
    EXPECT(h, "SET k 007", "+OK\r\n");
    EXPECT(h, "GET k", "$3\r\n007\r\n");
    EXPECT(h, "SET k -9223372036854775808", "+OK\r\n");
    EXPECT(h, "GET k", "$20\r\n-9223372036854775808\r\n");
    EXPECT(h, "SET \"\" \"\"", "+OK\r\n");
    EXPECT(h, "GET \"\"", "$0\r\n\r\n");
    EXPECT(h, "SET \"a\\x00b\" \"\\x00\\n\"", "+OK\r\n");
    EXPECT(h, "STRLEN \"a\\x00b\"", ":2\r\n");
    harness_destroy(h);
}

TEST(commands_on_strings_refuse_other_types_and_change_nothing)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z 1 a", ":1\r\n");
    char *before = harness_dump(h);
    const char *const lines[] = {"GET z",       "GETDEL z",       "STRLEN z",      "APPEND z x",
                                 "INCR z",      "DECR z",         "INCRBY z 2",    "DECRBY z 2",
                                 "SET z v GET", "SET z v NX GET", "SET z v XX GET"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        EXPECT(h, lines[i], WRONG_TYPE);
    }
    char *after = harness_dump(h);
    ck_assert_str_eq(before, after);
    EXPECT(h, "SET z v", "+OK\r\n");
    EXPECT(h, "TYPE z", "+string\r\n");
    free(before);
    free(after);
    harness_destroy(h);
}

TEST(set_obeys_nx_and_xx)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k 1 XX", "$-1\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    EXPECT(h, "SET k 1 nx", "+OK\r\n");
    EXPECT(h, "SET k 2 NX", "$-1\r\n");
    EXPECT(h, "GET k", "$1\r\n1\r\n");
    EXPECT(h, "SET k 3 XX", "+OK\r\n");
    EXPECT(h, "GET k", "$1\r\n3\r\n");
    EXPECT(h, "SET k 4 NX XX", SYNTAX);
    EXPECT(h, "SET k 4 XX NX", SYNTAX);
    EXPECT(h, "SET k 4 FOO", SYNTAX);
    EXPECT(h, "GET k", "$1\r\n3\r\n");
    harness_destroy(h);
}

TEST(set_get_answers_the_old_string)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k 1 GET", "$-1\r\n");
    EXPECT(h, "SET k two GET", "$1\r\n1\r\n");
    EXPECT(h, "SET k 3 NX GET", "$3\r\ntwo\r\n");
    EXPECT(h, "GET k", "$3\r\ntwo\r\n");
    EXPECT(h, "SET k 3 XX GET", "$3\r\ntwo\r\n");
    EXPECT(h, "GET k", "$1\r\n3\r\n");
    EXPECT(h, "SET absent 3 XX GET", "$-1\r\n");
    EXPECT(h, "EXISTS absent", ":0\r\n");
    EXPECT(h, "SET absent 3 NX GET", "$-1\r\n");
    EXPECT(h, "GET absent", "$1\r\n3\r\n");
    harness_destroy(h);
}

TEST(set_takes_every_form_of_expiry)
{
    struct harness *h = harness_create(); // The clock says 1000000 ms.
    EXPECT(h, "SET k v EX 10", "+OK\r\n");
    EXPECT(h, "PTTL k", ":10000\r\n");
    EXPECT(h, "SET k v PX 1500", "+OK\r\n");
    EXPECT(h, "PTTL k", ":1500\r\n");
    EXPECT(h, "SET k v EXAT 1002", "+OK\r\n");
    EXPECT(h, "PTTL k", ":2000\r\n");
    EXPECT(h, "SET k v PXAT 1000001", "+OK\r\n");
    EXPECT(h, "PTTL k", ":1\r\n");
    EXPECT(h, "SET k w KEEPTTL", "+OK\r\n");
    EXPECT(h, "PTTL k", ":1\r\n");
    EXPECT(h, "SET k w", "+OK\r\n");
    EXPECT(h, "PTTL k", ":-1\r\n");
    EXPECT(h, "SET k w KEEPTTL", "+OK\r\n");
    EXPECT(h, "PTTL k", ":-1\r\n");
    harness_destroy(h);
}

TEST(set_refuses_bad_expiries)
{
    struct harness *h = harness_create();
    const char *invalid = "-ERR invalid expire time in 'set' command\r\n";
    EXPECT(h, "SET k v EX 0", invalid);
    EXPECT(h, "SET k v PX -1", invalid);
    EXPECT(h, "SET k v EX 9223372036854775807", invalid);
    EXPECT(h, "SET k v EX 9223372036854775", invalid); // Overflows once now is added.
    EXPECT(h, "SET k v PX 9223372036854775807", invalid);
    EXPECT(h, "SET k v EXAT 0", invalid);
    EXPECT(h, "SET k v PXAT 9223372036854775807", "+OK\r\n");
    EXPECT(h, "PEXPIRETIME k", ":9223372036854775807\r\n");
    EXPECT(h, "DEL k", ":1\r\n");
    EXPECT(h, "SET k v EX ten", NOT_INTEGER);
    EXPECT(h, "SET k v EX 1.5", NOT_INTEGER);
    EXPECT(h, "SET k v EX", SYNTAX);
    EXPECT(h, "SET k v EX 10 PX 10", SYNTAX);
    EXPECT(h, "SET k v EX 10 KEEPTTL", SYNTAX);
    EXPECT(h, "SET k v KEEPTTL EX 10", SYNTAX);
    EXPECT(h, "EXISTS k", ":0\r\n");
    harness_destroy(h);
}

TEST(set_with_a_time_that_has_passed_deletes)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k v", "+OK\r\n");
    EXPECT(h, "SET k w PXAT 1000000", "+OK\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    EXPECT(h, "SET k v", "+OK\r\n");
    EXPECT(h, "SET k w EXAT 1 GET", "$1\r\nv\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    EXPECT(h, "SET k w EXAT 1 NX", "+OK\r\n");
    EXPECT(h, "DBSIZE", ":0\r\n");
    harness_destroy(h);
}

TEST(keys_are_gone_at_their_deadline)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k 5 PX 10", "+OK\r\n");
    h->context.now_ms += 9;
    EXPECT(h, "GET k", "$1\r\n5\r\n");
    h->context.now_ms += 1;
    EXPECT(h, "GET k", "$-1\r\n");
    EXPECT(h, "SET k 5 PX 10", "+OK\r\n");
    h->context.now_ms += 10;
    EXPECT(h, "INCR k", ":1\r\n");
    EXPECT(h, "PTTL k", ":-1\r\n");
    EXPECT(h, "SET k 5 PX 10", "+OK\r\n");
    h->context.now_ms += 10;
    EXPECT(h, "SET k 6 XX", "$-1\r\n");
    harness_destroy(h);
}

TEST(integers_are_counted)
{
    struct harness *h = harness_create();
    EXPECT(h, "INCR n", ":1\r\n");
    EXPECT(h, "INCRBY n 41", ":42\r\n");
    EXPECT(h, "DECR n", ":41\r\n");
    EXPECT(h, "DECRBY n 50", ":-9\r\n");
    EXPECT(h, "DECRBY n -9", ":0\r\n");
    EXPECT(h, "GET n", "$1\r\n0\r\n");
    EXPECT(h, "SET n 5 EX 100", "+OK\r\n");
    EXPECT(h, "INCR n", ":6\r\n");
    EXPECT(h, "TTL n", ":100\r\n");
    harness_destroy(h);
}

TEST(integers_do_not_overflow)
{
    struct harness *h = harness_create();
    const char *overflow = "-ERR increment or decrement would overflow\r\n";
    EXPECT(h, "SET n 9223372036854775807", "+OK\r\n");
    EXPECT(h, "INCR n", overflow);
    EXPECT(h, "GET n", "$19\r\n9223372036854775807\r\n");
    EXPECT(h, "SET n -9223372036854775808", "+OK\r\n");
    EXPECT(h, "DECR n", overflow);
    EXPECT(h, "DECRBY n -9223372036854775808", "-ERR decrement would overflow\r\n");
    EXPECT(h, "INCRBY n 9223372036854775808", NOT_INTEGER);
    EXPECT(h, "INCRBY n x", NOT_INTEGER);
    EXPECT(h, "SET n 9223372036854775808", "+OK\r\n");
    EXPECT(h, "INCR n", NOT_INTEGER);
    EXPECT(h, "SET n 1.0", "+OK\r\n");
    EXPECT(h, "INCR n", NOT_INTEGER);
    EXPECT(h, "SET n \" 1\"", "+OK\r\n");
    EXPECT(h, "INCR n", NOT_INTEGER);
    EXPECT(h, "SET n \"\"", "+OK\r\n");
    EXPECT(h, "INCR n", NOT_INTEGER);
    harness_destroy(h);
}

TEST(append_grows_strings_and_keeps_deadlines)
{
    struct harness *h = harness_create();
    EXPECT(h, "APPEND k ab", ":2\r\n");
    EXPECT(h, "APPEND k \"\"", ":2\r\n");
    EXPECT(h, "PEXPIRE k 500", ":1\r\n");
    EXPECT(h, "APPEND k c", ":3\r\n");
    EXPECT(h, "GET k", "$3\r\nabc\r\n");
    EXPECT(h, "PTTL k", ":500\r\n");
    EXPECT(h, "SET n 12", "+OK\r\n");
    EXPECT(h, "APPEND n 3", ":3\r\n");
    EXPECT(h, "INCR n", ":124\r\n");
    EXPECT(h, "APPEND empty \"\"", ":0\r\n");
    EXPECT(h, "EXISTS empty", ":1\r\n");
    harness_destroy(h);
}

// SET long to `size` times `c`.
static void set_long(struct harness *h, char c, size_t size)
{
    char *value = malloc(size);
    struct bytes reply;
    ck_assert_ptr_nonnull(value);
    memset(value, c, size);
    const struct bytes argv[] = {BYTES("SET"), BYTES("long"), bytes_make(value, size)};
    ck_assert_int_eq(harness_try(h, argv, 3, &reply), CALL_DONE);
    free(value);
}

static void check_long_reply(struct bytes reply, char c, size_t size)
{
    char header[32];
    size_t skip = (size_t)snprintf(header, sizeof(header), "$%zu\r\n", size);
    ck_assert_uint_eq(reply.size, skip + size + 2);
    ck_assert_mem_eq(reply.data, header, skip);
    for (size_t i = 0; i < size; i++) {
        ck_assert_int_eq(reply.data[skip + i], c);
    }
}

TEST(long_strings_are_lent_and_outlive_their_key)
{
    enum { SIZE = 100000 };
    const struct bytes commands[][4] = {
        {BYTES("GET"), BYTES("long")},
        {BYTES("GETDEL"), BYTES("long")},
        {BYTES("SET"), BYTES("long"), BYTES("x"), BYTES("GET")},
    };
    const uint32_t argc[] = {2, 2, 4};
    struct harness *h = harness_create();
    for (int lends = 0; lends < 2; lends++) {
        h->lends = lends;
        for (size_t i = 0; i < 3; i++) {
            struct bytes reply;
            set_long(h, (char)('a' + i), SIZE);
            ck_assert_int_eq(harness_try(h, commands[i], argc[i], &reply), CALL_DONE);
            check_long_reply(reply, (char)('a' + i), SIZE);
        }
    }
    keyspace_validate(h->keyspace);
    harness_destroy(h);
}

TEST(mget_answers_nil_for_absent_keys_and_other_types)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSET a 1 b two", "+OK\r\n");
    EXPECT(h, "ZADD z 1 a", ":1\r\n");
    EXPECT(h, "MGET a b c z a", "*5\r\n$1\r\n1\r\n$3\r\ntwo\r\n$-1\r\n$-1\r\n$1\r\n1\r\n");
    EXPECT(h, "MGET a b c d e f g h i j",
           "*10\r\n$1\r\n1\r\n$3\r\ntwo\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"
           "$-1\r\n$-1\r\n");
    harness_destroy(h);
}

TEST(mset_takes_the_last_value_of_a_repeated_key_and_drops_deadlines)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET a x EX 10", "+OK\r\n");
    EXPECT(h, "MSET a 1 b 2 a 3", "+OK\r\n");
    EXPECT(h, "GET a", "$1\r\n3\r\n");
    EXPECT(h, "TTL a", ":-1\r\n");
    EXPECT(h, "MSET c 1 c 2", "+OK\r\n");
    EXPECT(h, "GET c", "$1\r\n2\r\n");
    EXPECT(h, "MSET a 1 b", "-ERR wrong number of arguments for 'mset' command\r\n");
    harness_destroy(h);
}

TEST(getdel_takes_the_string)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k v", "+OK\r\n");
    EXPECT(h, "GETDEL k", "$1\r\nv\r\n");
    EXPECT(h, "GETDEL k", "$-1\r\n");
    EXPECT(h, "STRLEN k", ":0\r\n");
    harness_destroy(h);
}

/* Entries around the largest size that pools have classes for: their blocks are no longer
 * rounded, and a value that grows stays where it is or moves out, whatever the key's size. */
TEST(keys_of_any_size_are_appended_to)
{
    enum { KEY_MIN = 16000, KEY_MAX = 17000, VALUE_SIZE = 2000 };
    struct harness *h = harness_create();
    char *name = malloc(KEY_MAX);
    char *value = malloc(VALUE_SIZE);
    ck_assert(name != NULL && value != NULL);
    memset(name, 'k', KEY_MAX);
    memset(value, 'v', VALUE_SIZE);
    for (size_t size = KEY_MIN; size <= KEY_MAX; size += 10) {
        struct bytes reply;
        struct bytes key = bytes_make(name, size);
        struct bytes set[] = {BYTES("SET"), key, bytes_make(value, VALUE_SIZE)};
        const struct bytes append[] = {BYTES("APPEND"), key, BYTES("tail")};
        ck_assert_int_eq(harness_try(h, set, 3, &reply), CALL_DONE);
        ck_assert_int_eq(harness_try(h, append, 3, &reply), CALL_DONE);
        ck_assert_str_eq(reply.data, ":2004\r\n");
        ck_assert_int_eq(harness_try(h, append, 3, &reply), CALL_DONE);
        ck_assert_str_eq(reply.data, ":2008\r\n");
        set[2] = BYTES("12"); // An integer in the place of a block of its own.
        ck_assert_int_eq(harness_try(h, set, 3, &reply), CALL_DONE);
        ck_assert_int_eq(harness_try(h, append, 3, &reply), CALL_DONE);
        ck_assert_str_eq(reply.data, ":6\r\n");
    }
    keyspace_validate(h->keyspace);
    free(value);
    free(name);
    harness_destroy(h);
}
