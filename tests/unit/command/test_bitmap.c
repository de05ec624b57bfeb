/* Commands on bits. */
#include "harness.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRONG_TYPE  "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define SYNTAX      "-ERR syntax error\r\n"
#define BAD_OFFSET  "-ERR bit offset is not an integer or out of range\r\n"
#define BAD_INTEGER "-ERR value is not an integer or out of range\r\n"
#define BAD_TYPE                                                                                   \
    "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "   \
    "i64 is.\r\n"

TEST(commands_on_bits_refuse_other_types_and_change_nothing)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z 1 a", ":1\r\n");
    char *before = harness_dump(h);
    const char *const lines[] = {"SETBIT z 0 1",
                                 "GETBIT z 0",
                                 "BITCOUNT z",
                                 "BITPOS z 1",
                                 "BITOP AND d z",
                                 "BITOP OR d absent z",
                                 "BITFIELD z",
                                 "BITFIELD z GET u8 0",
                                 "BITFIELD z SET u8 0 1",
                                 "BITFIELD_RO z",
                                 "BITFIELD_RO z GET u8 0"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        EXPECT(h, lines[i], WRONG_TYPE);
    }
    char *after = harness_dump(h);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    harness_destroy(h);
}

TEST(setbit_answers_what_was_there_and_grows)
{
    struct harness *h = harness_create();
    EXPECT(h, "SETBIT k 7 1", ":0\r\n");
    EXPECT(h, "SETBIT k 7 1", ":1\r\n");
    EXPECT(h, "GETBIT k 7", ":1\r\n");
    EXPECT(h, "GETBIT k 100", ":0\r\n");
    EXPECT(h, "STRLEN k", ":1\r\n");
    EXPECT(h, "SETBIT k 20 0", ":0\r\n");
    EXPECT(h, "GET k", "$3\r\n\x01\0\0\r\n");
    EXPECT(h, "STRLEN k", ":3\r\n");
    EXPECT(h, "SET n 1", "+OK\r\n"); // An integer, 00110001.
    EXPECT(h, "SETBIT n 6 1", ":0\r\n");
    EXPECT(h, "GET n", "$1\r\n3\r\n");
    EXPECT(h, "SETBIT k 4294967296 1", BAD_OFFSET);
    EXPECT(h, "SETBIT k -1 1", BAD_OFFSET);
    EXPECT(h, "SETBIT k #1 1", BAD_OFFSET);
    EXPECT(h, "SETBIT k 0 2", "-ERR bit is not an integer or out of range\r\n");
    harness_destroy(h);
}

TEST(bitcount_counts_in_bytes_or_bits)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k foobar", "+OK\r\n");
    EXPECT(h, "BITCOUNT k", ":26\r\n");
    EXPECT(h, "BITCOUNT k 0 0", ":4\r\n");
    EXPECT(h, "BITCOUNT k 1 1 BYTE", ":6\r\n");
    EXPECT(h, "BITCOUNT k 5 30 BIT", ":17\r\n");
    EXPECT(h, "BITCOUNT k -1", ":4\r\n");
    EXPECT(h, "BITCOUNT k -2 -1", ":7\r\n");
    EXPECT(h, "BITCOUNT k -1 -2", ":0\r\n");
    EXPECT(h, "BITCOUNT k -100 -101", ":0\r\n");
    EXPECT(h, "BITCOUNT k 9 12", ":0\r\n");
    EXPECT(h, "BITCOUNT absent", ":0\r\n");
    EXPECT(h, "BITCOUNT absent x 1", BAD_INTEGER);
    EXPECT(h, "BITCOUNT k 0 1 WORD", SYNTAX);
    EXPECT(h, "SET k \"\"", "+OK\r\n");
    EXPECT(h, "BITCOUNT k", ":0\r\n");
    harness_destroy(h);
}

TEST(bitpos_sees_zeros_behind_a_string_without_an_end)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k \"\\xff\\xf0\\x00\"", "+OK\r\n");
    EXPECT(h, "BITPOS k 0", ":12\r\n");
    EXPECT(h, "BITPOS k 1 2", ":-1\r\n");
    EXPECT(h, "BITPOS k 1 7 15 BIT", ":7\r\n");
    EXPECT(h, "BITPOS k 0 2 -1 BYTE", ":16\r\n");
    EXPECT(h, "SET k \"\\xff\\xff\"", "+OK\r\n");
    EXPECT(h, "BITPOS k 0", ":16\r\n");
    EXPECT(h, "BITPOS k 0 1", ":16\r\n");
    EXPECT(h, "BITPOS k 0 0 -1", ":-1\r\n");
    EXPECT(h, "BITPOS k 1 -100 -101", ":0\r\n");
    EXPECT(h, "BITPOS absent 0", ":0\r\n");
    EXPECT(h, "BITPOS absent 1 0 -1", ":-1\r\n");
    EXPECT(h, "BITPOS k 2", "-ERR The bit argument must be 1 or 0.\r\n");
    EXPECT(h, "BITPOS k x", BAD_INTEGER);
    harness_destroy(h);
}

TEST(bitop_overwrites_whatever_was_there)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSET a \"\\xf0\\xf0\" b \"\\xcc\" n 12", "+OK\r\n");
    EXPECT(h, "ZADD d 1 m", ":1\r\n");
    EXPECT(h, "BITOP DIFF d a b", ":2\r\n");
    EXPECT(h, "GET d", "$2\r\n\x30\xf0\r\n");
    EXPECT(h, "SET d v PX 1000", "+OK\r\n");
    EXPECT(h, "BITOP ONE d a b absent", ":2\r\n");
    EXPECT(h, "GET d", "$2\r\n\x3c\xf0\r\n");
    EXPECT(h, "TTL d", ":-1\r\n");
    EXPECT(h, "BITOP NOT a a", ":2\r\n");
    EXPECT(h, "GET a", "$2\r\n\x0f\x0f\r\n");
    EXPECT(h, "BITOP AND d n", ":2\r\n");
    EXPECT(h, "GET d", "$2\r\n12\r\n");
    EXPECT(h, "BITOP OR d absent gone", ":0\r\n");
    EXPECT(h, "EXISTS d", ":0\r\n");
    EXPECT(h, "BITOP NOT d a b", "-ERR BITOP NOT must be called with a single source key.\r\n");
    EXPECT(h, "BITOP andor d a",
           "-ERR BITOP ANDOR must be called with at least two source "
           "keys.\r\n");
    EXPECT(h, "BITOP NAND d a b", SYNTAX);
    EXPECT(h, "EXISTS d", ":0\r\n");
    harness_destroy(h);
}

// A key set to `size` times one byte.
static void set_long(struct harness *h, const char *key, char byte, size_t size)
{
    char *value = malloc(size);
    struct bytes reply;
    memset(value, byte, size);
    const struct bytes argv[] = {BYTES("SET"), bytes_of_string(key), bytes_make(value, size)};
    ck_assert_int_eq(harness_try(h, argv, 3, &reply), CALL_DONE);
    free(value);
}

TEST(bitop_of_long_strings_works_in_place_and_not)
{
    struct harness *h = harness_create();
    set_long(h, "a", '\xF0', 50000);
    set_long(h, "b", '\xCC', 20000);
    EXPECT(h, "BITOP OR d a b", ":50000\r\n");
    EXPECT(h, "BITCOUNT d", ":240000\r\n");
    EXPECT(h, "BITOP XOR d d a", ":50000\r\n"); // In place, the destination among the sources.
    EXPECT(h, "BITCOUNT d", ":40000\r\n");
    EXPECT(h, "BITOP NOT a a", ":50000\r\n");
    EXPECT(h, "GETRANGE a 49999 -1", "$1\r\n\x0f\r\n");
    EXPECT(h, "BITOP AND a b", ":20000\r\n");
    EXPECT(h, "STRLEN a", ":20000\r\n");
    EXPECT(h, "BITOP OR n a b a b a b a b a b a b a b a b a b a b", ":20000\r\n");
    harness_destroy(h);
}

TEST(bitrangeintarray_lists_places)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k \"\\x81\\x10\"", "+OK\r\n");
    EXPECT(h, "BITRANGEINTARRAY k 0 -1", "*3\r\n:0\r\n:7\r\n:11\r\n");
    EXPECT(h, "BITRANGEINTARRAY k 1 1", "*1\r\n:11\r\n");
    EXPECT(h, "BITRANGEINTARRAY k 7 -1 BIT LIMIT 1", "*1\r\n:7\r\n");
    EXPECT(h, "BITRANGEINTARRAY k -6 -3 BIT ZEROS LIMIT 5", "*3\r\n:10\r\n:12\r\n:13\r\n");
    EXPECT(h, "BITRANGEINTARRAY k 5 9", "*0\r\n");
    EXPECT(h, "BITRANGEINTARRAY absent 0 -1 ZEROS", "*0\r\n");
    EXPECT(h, "BITRANGEINTARRAY k 0 x", BAD_INTEGER);
    EXPECT(h, "BITRANGEINTARRAY k 0 1 LIMIT", SYNTAX);
    EXPECT(h, "BITRANGEINTARRAY k 0 1 ZEROS ZEROS", SYNTAX);
    EXPECT(h, "BITRANGEINTARRAY k 0 1 LIMIT -1", "-ERR LIMIT can't be negative\r\n");
    EXPECT(h, "SETBIT new 20000 1", ":0\r\n");
    (void)harness_run(h, "BITRANGEINTARRAY new 0 -1 ZEROS");
    ck_assert(h->was_deferred);
    EXPECT(h, "ZADD z 1 a", ":1\r\n");
    EXPECT(h, "BITRANGEINTARRAY z 0 -1", WRONG_TYPE);
    harness_destroy(h);
}

TEST(bitfield_overflows_as_it_is_told)
{
    struct harness *h = harness_create();
    EXPECT(h, "BITFIELD k SET u8 0 250 INCRBY u8 0 10 GET u8 0", "*3\r\n:0\r\n:4\r\n:4\r\n");
    EXPECT(h, "BITFIELD k OVERFLOW SAT INCRBY u8 0 300 INCRBY i8 8 -200",
           "*2\r\n:255\r\n:-128\r\n");
    EXPECT(h, "BITFIELD k OVERFLOW FAIL INCRBY u8 0 1 OVERFLOW WRAP INCRBY u8 0 1",
           "*2\r\n$-1\r\n:0\r\n");
    EXPECT(h, "BITFIELD k SET i64 0 -1 GET u63 0 GET i64 0 INCRBY i64 0 -9223372036854775808",
           "*4\r\n:36028797018963968\r\n:9223372036854775807\r\n:-1\r\n:9223372036854775807\r\n");
    EXPECT(h, "BITFIELD k SET u4 #3 9 GET u16 0 GET u4 #3", "*3\r\n:15\r\n:32761\r\n:9\r\n");
    EXPECT(h, "BITFIELD k SET u8 0 -1 OVERFLOW SAT SET i8 0 200 GET i8 0",
           "*3\r\n:127\r\n:-1\r\n:127\r\n");
    EXPECT(h, "BITFIELD k", "*0\r\n");
    EXPECT(h, "BITFIELD new OVERFLOW FAIL INCRBY u8 8 256", "*1\r\n$-1\r\n");
    EXPECT(h, "STRLEN new", ":2\r\n");
    EXPECT(h, "BITFIELD other GET u8 0", "*1\r\n:0\r\n");
    EXPECT(h, "EXISTS other", ":0\r\n");
    harness_destroy(h);
}

TEST(bitfield_does_nothing_when_one_operation_is_wrong)
{
    struct harness *h = harness_create();
    EXPECT(h, "BITFIELD k SET u8 0 1 GET u64 0", BAD_TYPE);
    EXPECT(h, "BITFIELD k SET u8 0 1 GET i65 0", BAD_TYPE);
    EXPECT(h, "BITFIELD k SET u8 0 1 GET \"\" 0", BAD_TYPE);
    EXPECT(h, "BITFIELD k SET u8 0 1 GET u8 -1", BAD_OFFSET);
    EXPECT(h, "BITFIELD k SET u8 0 1 GET u8 #9223372036854775807", BAD_OFFSET);
    EXPECT(h, "BITFIELD k SET u8 0 1 SET u8 0 x", BAD_INTEGER);
    EXPECT(h, "BITFIELD k SET u8 0 1 SET u8 0", SYNTAX);
    EXPECT(h, "BITFIELD k SET u8 0 1 GET", SYNTAX);
    EXPECT(h, "BITFIELD k SET u8 0 1 OVERFLOW", SYNTAX);
    EXPECT(h, "BITFIELD k OVERFLOW TRAP", "-ERR Invalid OVERFLOW type specified\r\n");
    EXPECT(h, "BITFIELD_RO k SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    harness_destroy(h);
}
