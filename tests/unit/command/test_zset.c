/* Commands on sorted sets. */
#include "harness.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRONG_TYPE "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define SYNTAX     "-ERR syntax error\r\n"

TEST(zadd_adds_and_moves)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z 1 a 2 b", ":2\r\n");
    EXPECT(h, "ZADD z 3 a 4 c", ":1\r\n");
    EXPECT(h, "ZADD z CH 3 a 5 c 6 d", ":2\r\n");
    EXPECT(h, "ZADD z 1 x 2 x", ":1\r\n");
    EXPECT(h, "ZSCORE z x", "$1\r\n2\r\n");
    EXPECT(h, "ZCARD z", ":5\r\n");
    EXPECT(h, "ZADD z inf i -inf j 1e300 k 0x10 l", ":4\r\n");
    EXPECT(h, "ZSCORE z i", "$3\r\ninf\r\n");
    EXPECT(h, "ZSCORE z j", "$4\r\n-inf\r\n");
    EXPECT(h, "ZSCORE z l", "$2\r\n16\r\n");
    EXPECT(h, "ZADD z 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 10 10", ":10\r\n");
    harness_destroy(h);
}

TEST(zadd_obeys_its_conditions)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z XX 1 a", ":0\r\n");
    EXPECT(h, "EXISTS z", ":0\r\n");
    EXPECT(h, "ZADD z NX 1 a", ":1\r\n");
    EXPECT(h, "ZADD z NX CH 2 a 2 b", ":1\r\n");
    EXPECT(h, "ZSCORE z a", "$1\r\n1\r\n");
    EXPECT(h, "ZADD z XX CH 3 a 3 c", ":1\r\n");
    EXPECT(h, "ZCARD z", ":2\r\n");
    EXPECT(h, "ZADD z GT CH 2 a 3 b 9 c", ":2\r\n");
    EXPECT(h, "ZSCORE z a", "$1\r\n3\r\n");
    EXPECT(h, "ZADD z LT CH 4 a 2 b", ":1\r\n");
    EXPECT(h, "ZADD z XX LT CH 1 a 1 new", ":1\r\n");
    EXPECT(h, "ZADD z GT CH 1 a", ":0\r\n");
    harness_destroy(h);
}

TEST(zadd_refuses_what_does_not_go_together)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible\r\n");
    const char *conflict = "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n";
    EXPECT(h, "ZADD z GT LT 1 a", conflict);
    EXPECT(h, "ZADD z GT NX 1 a", conflict);
    EXPECT(h, "ZADD z NX LT 1 a", conflict);
    EXPECT(h, "ZADD z INCR 1 a 2 b",
           "-ERR INCR option supports a single increment-element pair\r\n");
    EXPECT(h, "ZADD z 1 a 2", SYNTAX);
    EXPECT(h, "ZADD z NX 1", SYNTAX);
    EXPECT(h, "ZADD z NX CH", SYNTAX);
    EXPECT(h, "ZADD z 1 a x b", "-ERR value is not a valid float\r\n");
    EXPECT(h, "ZADD z nan a", "-ERR value is not a valid float\r\n");
    EXPECT(h, "EXISTS z", ":0\r\n");
    harness_destroy(h);
}

TEST(scores_are_incremented)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZINCRBY z 2.5 a", "$3\r\n2.5\r\n");
    EXPECT(h, "ZINCRBY z -1 a", "$3\r\n1.5\r\n");
    EXPECT(h, "ZADD z INCR 1 a", "$3\r\n2.5\r\n");
    EXPECT(h, "ZADD z INCR 0 a", "$3\r\n2.5\r\n");
    EXPECT(h, "ZADD z NX INCR 1 a", "$-1\r\n");
    EXPECT(h, "ZADD z XX INCR 1 b", "$-1\r\n");
    EXPECT(h, "ZADD none XX INCR 1 b", "$-1\r\n");
    EXPECT(h, "ZADD z GT INCR -1 a", "$-1\r\n");
    EXPECT(h, "ZADD z LT INCR -1 a", "$3\r\n1.5\r\n");
    EXPECT(h, "ZINCRBY z inf a", "$3\r\ninf\r\n");
    EXPECT(h, "ZINCRBY z -inf a", "-ERR resulting score is not a number (NaN)\r\n");
    EXPECT(h, "ZSCORE z a", "$3\r\ninf\r\n");
    EXPECT(h, "ZINCRBY z x a", "-ERR value is not a valid float\r\n");
    harness_destroy(h);
}

TEST(members_are_taken_out_and_the_empty_set_with_them)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZREM z a", ":0\r\n");
    EXPECT(h, "ZADD z 1 a 2 b 3 c", ":3\r\n");
    EXPECT(h, "ZREM z a x a c", ":2\r\n");
    EXPECT(h, "ZREM z b", ":1\r\n");
    EXPECT(h, "EXISTS z", ":0\r\n");
    harness_destroy(h);
}

TEST(ranks_count_from_both_ends)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z 1 a 2 b 3 c", ":3\r\n");
    EXPECT(h, "ZRANK z a", ":0\r\n");
    EXPECT(h, "ZREVRANK z a", ":2\r\n");
    EXPECT(h, "ZRANK z x", "$-1\r\n");
    EXPECT(h, "ZRANK none a", "$-1\r\n");
    EXPECT(h, "ZRANK z c WITHSCORE", "*2\r\n:2\r\n$1\r\n3\r\n");
    EXPECT(h, "ZREVRANK z c withscore", "*2\r\n:0\r\n$1\r\n3\r\n");
    EXPECT(h, "ZRANK z x WITHSCORE", "*-1\r\n");
    EXPECT(h, "ZRANK none x WITHSCORE", "*-1\r\n");
    EXPECT(h, "ZRANK z a FOO", SYNTAX);
    EXPECT(h, "ZRANK z a WITHSCORE x", "-ERR wrong number of arguments for 'zrank' command\r\n");
    EXPECT(h, "ZSCORE z x", "$-1\r\n");
    EXPECT(h, "ZSCORE none x", "$-1\r\n");
    EXPECT(h, "ZCARD none", ":0\r\n");
    harness_destroy(h);
}

TEST(ranges_by_place)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z 1 a 2 b 3 c", ":3\r\n");
    EXPECT(h, "ZRANGE z 0 -1", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
    EXPECT(h, "ZRANGE z 1 1 WITHSCORES", "*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
    EXPECT(h, "ZRANGE z -2 100", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
    EXPECT(h, "ZRANGE z -100 0", "*1\r\n$1\r\na\r\n");
    EXPECT(h, "ZRANGE z 2 1", "*0\r\n");
    EXPECT(h, "ZRANGE z 3 5", "*0\r\n");
    EXPECT(h, "ZRANGE z -9223372036854775808 9223372036854775807",
           "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
    EXPECT(h, "ZRANGE z 0 0 REV", "*1\r\n$1\r\nc\r\n");
    EXPECT(h, "ZREVRANGE z 0 1 WITHSCORES", "*4\r\n$1\r\nc\r\n$1\r\n3\r\n$1\r\nb\r\n$1\r\n2\r\n");
    EXPECT(h, "ZRANGE none 0 -1", "*0\r\n");
    harness_destroy(h);
}

TEST(ranges_by_score)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z 1 a 2 b 3 c 4 d", ":4\r\n");
    EXPECT(h, "ZRANGEBYSCORE z 2 3", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
    EXPECT(h, "ZRANGEBYSCORE z (2 (4", "*1\r\n$1\r\nc\r\n");
    EXPECT(h, "ZRANGEBYSCORE z -inf +inf LIMIT 1 2", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
    EXPECT(h, "ZRANGEBYSCORE z -inf +inf LIMIT 3 -1", "*1\r\n$1\r\nd\r\n");
    EXPECT(h, "ZRANGEBYSCORE z -inf +inf LIMIT 4 1", "*0\r\n");
    EXPECT(h, "ZRANGEBYSCORE z -inf +inf LIMIT -1 1", "*0\r\n");
    EXPECT(h, "ZRANGEBYSCORE z -inf +inf LIMIT 0 0", "*0\r\n");
    EXPECT(h, "ZRANGEBYSCORE z 4 9 WITHSCORES LIMIT 0 5", "*2\r\n$1\r\nd\r\n$1\r\n4\r\n");
    EXPECT(h, "ZRANGEBYSCORE z 3 2", "*0\r\n");
    EXPECT(h, "ZRANGE z 2 3 BYSCORE", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
    EXPECT(h, "ZRANGE z 3 2 BYSCORE REV", "*2\r\n$1\r\nc\r\n$1\r\nb\r\n");
    EXPECT(h, "ZRANGE z +inf (1 REV BYSCORE LIMIT 1 2", "*2\r\n$1\r\nc\r\n$1\r\nb\r\n");
    EXPECT(h, "ZCOUNT z 2 3", ":2\r\n");
    EXPECT(h, "ZCOUNT z (1 inf", ":3\r\n");
    EXPECT(h, "ZCOUNT z 5 6", ":0\r\n");
    EXPECT(h, "ZCOUNT none 5 6", ":0\r\n");
    EXPECT(h, "ZCOUNT z a 6", "-ERR min or max is not a float\r\n");
    EXPECT(h, "ZCOUNT z 1 nan", "-ERR min or max is not a float\r\n");
    EXPECT(h, "ZRANGEBYSCORE z 1 ((2", "-ERR min or max is not a float\r\n");
    harness_destroy(h);
}

TEST(ranges_by_member)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z 0 a 0 b 0 c 0 d", ":4\r\n");
    EXPECT(h, "ZRANGE z [b (d BYLEX", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
    EXPECT(h, "ZRANGE z - + BYLEX LIMIT 1 2", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
    EXPECT(h, "ZRANGE z (c - BYLEX REV", "*2\r\n$1\r\nb\r\n$1\r\na\r\n");
    EXPECT(h, "ZRANGE z + - BYLEX", "*0\r\n");
    const char *invalid = "-ERR min or max not valid string range item\r\n";
    EXPECT(h, "ZRANGE z a [b BYLEX", invalid);
    EXPECT(h, "ZRANGE z [a +b BYLEX", invalid);
    EXPECT(h, "ZRANGE z \"\" + BYLEX", invalid);
    EXPECT(h, "ZRANGE z - + BYLEX WITHSCORES",
           "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n");
    harness_destroy(h);
}

TEST(range_options_that_do_not_go_together)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z 0 a", ":1\r\n");
    const char *limit = "-ERR syntax error, LIMIT is only supported in combination with either "
                        "BYSCORE or BYLEX\r\n";
    EXPECT(h, "ZRANGE z 0 1 LIMIT 0 1", limit);
    EXPECT(h, "ZREVRANGE z 0 1 LIMIT 0 1", limit);
    EXPECT(h, "ZRANGE z 0 1 BYSCORE BYLEX", SYNTAX);
    EXPECT(h, "ZRANGE z 0 1 REV REV", SYNTAX);
    EXPECT(h, "ZRANGE z 0 1 LIMIT 0", SYNTAX);
    EXPECT(h, "ZRANGE z 0 1 FOO", SYNTAX);
    EXPECT(h, "ZREVRANGE z 0 1 BYSCORE", SYNTAX);
    EXPECT(h, "ZRANGEBYSCORE z 0 1 REV", SYNTAX);
    EXPECT(h, "ZRANGEBYSCORE z 0 1 LIMIT a 1", "-ERR value is not an integer or out of range\r\n");
    EXPECT(h, "ZRANGE z a 1", "-ERR value is not an integer or out of range\r\n");
    harness_destroy(h);
}

TEST(members_are_popped_from_both_ends)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z 1 a 2 b 3 c 4 d", ":4\r\n");
    EXPECT(h, "ZPOPMIN z", "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    EXPECT(h, "ZPOPMAX z", "*2\r\n$1\r\nd\r\n$1\r\n4\r\n");
    EXPECT(h, "ZPOPMAX z 0", "*0\r\n");
    EXPECT(h, "ZPOPMAX z 5", "*4\r\n$1\r\nc\r\n$1\r\n3\r\n$1\r\nb\r\n$1\r\n2\r\n");
    EXPECT(h, "EXISTS z", ":0\r\n");
    EXPECT(h, "ZPOPMIN z", "*0\r\n");
    EXPECT(h, "ZPOPMIN z 3", "*0\r\n");
    EXPECT(h, "ZPOPMIN z -1", "-ERR value is out of range, must be positive\r\n");
    EXPECT(h, "ZPOPMIN z x", "-ERR value is out of range, must be positive\r\n");
    EXPECT(h, "ZPOPMIN z 1 2", SYNTAX);
    harness_destroy(h);
}

TEST(commands_on_sorted_sets_refuse_other_types)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET s v", "+OK\r\n");
    const char *const lines[] = {
        "ZADD s 1 a",      "ZADD s XX 1 a", "ZINCRBY s 1 a",      "ZREM s a",
        "ZSCORE s a",      "ZCARD s",       "ZRANK s a",          "ZREVRANK s a WITHSCORE",
        "ZCOUNT s 1 2",    "ZRANGE s 0 -1", "ZRANGE s - + BYLEX", "ZRANGEBYSCORE s 1 2",
        "ZREVRANGE s 0 1", "ZPOPMIN s",     "ZPOPMAX s 0",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        EXPECT(h, lines[i], WRONG_TYPE);
    }
    EXPECT(h, "GET s", "$1\r\nv\r\n");
    harness_destroy(h);
}

// ---- large sets ----

enum { LARGE = 5000 };

static void add_large(struct harness *h)
{
    for (int i = 0; i < LARGE; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "ZADD z %d m%d", i, i);
        EXPECT(h, line, ":1\r\n");
    }
}

static size_t count_members(const char *reply)
{
    size_t count = 0;
    for (const char *at = reply; (at = strchr(at, 'm')) != NULL; at++) {
        count++;
    }
    return count;
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

TEST(many_members_are_answered_in_the_background)
{
    struct harness *h = harness_create();
    add_large(h);
    ck_assert_uint_eq(count_members(harness_run(h, "ZRANGE z 0 1999")), 2000);
    ck_assert(!h->was_deferred);
    ck_assert_uint_eq(count_members(harness_run(h, "ZRANGE z 0 2000")), 2001);
    ck_assert(h->was_deferred);
    const char *reply = harness_run(h, "ZRANGE z 0 -1 WITHSCORES REV");
    ck_assert(h->was_deferred);
    ck_assert_uint_eq(count_members(reply), LARGE);
    ck_assert(begins_with(reply, "*10000\r\n$5\r\nm4999\r\n$4\r\n4999\r\n$5\r\nm4998\r\n"));
    ck_assert_uint_eq(count_members(harness_run(h, "ZRANGEBYSCORE z 1 (4000")), 3999);
    EXPECT(h, "ZADD z 0 m1", ":0\r\n"); // Nobody holds it any more.
    keyspace_validate(h->keyspace);
    harness_destroy(h);
}

TEST(large_sets_are_popped_whole_or_in_part)
{
    struct harness *h = harness_create();
    add_large(h);
    ck_assert_uint_eq(count_members(harness_run(h, "ZPOPMIN z 2500")), 2500);
    ck_assert(!h->was_deferred);
    const char *reply = harness_run(h, "ZPOPMAX z 5000");
    ck_assert(h->was_deferred);
    ck_assert_uint_eq(count_members(reply), 2500);
    ck_assert(begins_with(reply, "*5000\r\n$5\r\nm4999\r\n$4\r\n4999\r\n"));
    EXPECT(h, "EXISTS z", ":0\r\n");
    keyspace_validate(h->keyspace);
    harness_destroy(h);
}

static struct value *value_at(struct harness *h, const char *name)
{
    struct access access = {0};
    struct key key = keyspace_key(h->keyspace, bytes_of_string(name));
    access_open(&access, h->keyspace, h->thread, 0, h->context.now_ms);
    return entry_value(keyspace_find(&access, &key));
}

TEST(who_changes_a_held_set_waits_and_who_deletes_it_does_not)
{
    struct harness *h = harness_create();
    const char *const lines[] = {"ZADD z 1 a",    "ZADD z 7 new", "ZREM z m1",
                                 "ZINCRBY z 1 a", "ZPOPMIN z",    "ZPOPMAX z 9999"};
    add_large(h);
    char *before = harness_dump(h);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct value *value = value_at(h, "z");
        struct bytes words[8];
        struct bytes reply;
        char line[64];
        (void)snprintf(line, sizeof(line), "%s", lines[i]);
        uint32_t count = harness_split(line, words, 8);
        keyspace_hold(h->thread, value);
        h->woken = false;
        ck_assert_int_eq(harness_try(h, words, count, &reply), CALL_WAITS);
        ck_assert(!h->woken);
        EXPECT(h, "ZCARD z", ":5000\r\n");
        keyspace_drop(h->thread, value);
        ck_assert(h->woken);
        char *after = harness_dump(h);
        ck_assert_str_eq(before, after);
        free(after);
    }
    struct value *value = value_at(h, "z");
    keyspace_hold(h->thread, value);
    EXPECT(h, "DEL z", ":1\r\n");
    EXPECT(h, "ZADD z 1 a", ":1\r\n");
    keyspace_drop(h->thread, value);
    free(before);
    harness_destroy(h);
}

TEST(scores_are_doubles_in_resp3)
{
    struct harness *h = harness_create();
    h->session.protocol = PROTOCOL_RESP3;
    EXPECT(h, "ZADD z 1 a 2.5 b 3 c 4 d", ":4\r\n");
    EXPECT(h, "ZSCORE z b", ",2.5\r\n");
    EXPECT(h, "ZSCORE z x", "_\r\n");
    EXPECT(h, "ZINCRBY z 1 a", ",2\r\n");
    EXPECT(h, "ZRANGE z 0 1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    EXPECT(h, "ZRANGE z 0 1 WITHSCORES", "*2\r\n*2\r\n$1\r\na\r\n,2\r\n*2\r\n$1\r\nb\r\n,2.5\r\n");
    EXPECT(h, "ZRANGE x 0 1 WITHSCORES", "*0\r\n");
    EXPECT(h, "ZRANK z b WITHSCORE", "*2\r\n:1\r\n,2.5\r\n");
    EXPECT(h, "ZRANK z x WITHSCORE", "_\r\n");
    EXPECT(h, "ZPOPMIN z", "*2\r\n$1\r\na\r\n,2\r\n");
    EXPECT(h, "ZPOPMIN z 1", "*1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n");
    EXPECT(h, "ZPOPMAX z", "*2\r\n$1\r\nd\r\n,4\r\n");
    EXPECT(h, "ZPOPMAX x", "*0\r\n");
    harness_destroy(h);
}

TEST(nobody_walks_a_set_before_those_who_wait_to_change_it)
{
    struct harness *h = harness_create();
    const struct bytes zadd[] = {BYTES("ZADD"), BYTES("z"), BYTES("7"), BYTES("new")};
    struct bytes reply;
    add_large(h);
    struct value *value = value_at(h, "z");
    ck_assert(keyspace_may_walk(h->keyspace, value));
    keyspace_hold(h->thread, value);
    keyspace_hold(h->thread, value);
    ck_assert(keyspace_may_walk(h->keyspace, value)); // Walks beside walks.
    h->woken = false;
    ck_assert_int_eq(harness_try(h, zadd, 4, &reply), CALL_WAITS);
    ck_assert(!keyspace_may_walk(h->keyspace, value));
    keyspace_drop(h->thread, value);
    ck_assert(!h->woken);
    ck_assert(!keyspace_may_walk(h->keyspace, value));
    keyspace_drop(h->thread, value);
    ck_assert(h->woken);
    ck_assert(!keyspace_may_walk(h->keyspace, value)); // It is reserved for who was woken.
    ck_assert_int_eq(harness_try(h, zadd, 4, &reply), CALL_DONE);
    ck_assert(keyspace_may_walk(h->keyspace, value));
    ck_assert(!keyspace_has_walks(h->keyspace));
    harness_destroy(h);
}

TEST(a_set_is_not_reserved_for_ever)
{
    struct harness *h = harness_create();
    const struct bytes zadd[] = {BYTES("ZADD"), BYTES("z"), BYTES("7"), BYTES("new")};
    struct bytes reply;
    add_large(h);
    struct value *value = value_at(h, "z");
    keyspace_hold(h->thread, value);
    ck_assert_int_eq(harness_try(h, zadd, 4, &reply), CALL_WAITS);
    keyspace_drop(h->thread, value); // Who waited does not come back.
    EXPECT(h, "ZCARD z", ":5000\r\n");
    const char *all = harness_run(h, "ZRANGE z 0 -1"); // Waits for the end of the reservation.
    ck_assert_int_eq(strncmp(all, "*5000\r\n", 7), 0);
    ck_assert(keyspace_may_walk(h->keyspace, value));
    ck_assert(!keyspace_has_walks(h->keyspace));
    harness_destroy(h);
}

TEST(bounds_beyond_a_double_are_its_ends)
{
    struct harness *h = harness_create();
    EXPECT(h, "ZADD z -1 a 0 b 1 c", ":3\r\n");
    EXPECT(h, "ZCOUNT z -1e400 1e400", ":3\r\n");
    EXPECT(h, "ZCOUNT z (1e-400 1e400", ":1\r\n");
    EXPECT(h, "ZCOUNT z 1e400 1e400", ":0\r\n");
    EXPECT(h, "ZCOUNT z 1e400x 1e400", "-ERR min or max is not a float\r\n");
    EXPECT(h, "ZADD z 1e400 d", "-ERR value is not a valid float\r\n"); // A score is not one.
    harness_destroy(h);
}
