/* Each allocation of each kind of write fails in turn: the answer is an error, and
 * nothing is changed or reported. Checked builds only; elsewhere no allocation fails. */
#include "harness.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_OF_MEMORY "-ERR out of memory\r\n"

struct listener {
    struct observer observer;
    unsigned reported;
};

static void count_effect(struct observer *observer, const struct effect *effect)
{
    struct listener *listener = (struct listener *)(void *)observer;
    (void)effect;
    listener->reported++;
}

static const struct observer_ops listener_ops = {.effect = count_effect};

// A sorted set of `count` members with scores from 0, made by one command.
static void add_members(struct harness *h, const char *key, int count)
{
    enum { PAIR_SIZE = 32 };
    size_t room = (size_t)(count + 1) * PAIR_SIZE;
    char *line = malloc(room);
    ck_assert_ptr_nonnull(line);
    size_t size = (size_t)snprintf(line, room, "ZADD %s", key);
    for (int i = 0; i < count; i++) {
        size += (size_t)snprintf(line + size, room - size, " %d member:%d", i, i);
    }
    (void)harness_run(h, line);
    free(line);
}

static struct harness *set_up(void)
{
    struct harness *h = harness_create();
    EXPECT(h, "MSET a 1 b text n 41", "+OK\r\n");
    EXPECT(h, "SET volatile v PX 5000", "+OK\r\n");
    EXPECT(h, "APPEND b -and-more", ":13\r\n");
    add_members(h, "packed", 20);
    add_members(h, "brim", 126); // About to become large.
    add_members(h, "large", 500);
    return h;
}

struct attempt {
    bool failed;   // The command answered that there is no memory.
    bool injected; // An allocation failed, which the command may do without.
};

// Run the line with its allocation `n` failing. If it fails it must change nothing.
static struct attempt attempt(struct harness *h, const char *line, long n,
                              const struct listener *listener)
{
    char *before = harness_dump(h);
    uint64_t allocations = pool_allocations(h->thread->pool);
    struct attempt attempt;
    pool_fail_after(h->thread->pool, n);
    attempt.failed = strcmp(harness_run(h, line), OUT_OF_MEMORY) == 0;
    pool_fail_after(h->thread->pool, -1);
    attempt.injected = pool_allocations(h->thread->pool) - allocations > (uint64_t)n;
    keyspace_validate(h->keyspace);
    if (attempt.failed) {
        char *after = harness_dump(h);
        ck_assert_msg(strcmp(before, after) == 0, "%s, allocation %ld: half done", line, n);
        ck_assert_msg(listener->reported == 0, "%s, allocation %ld: reported", line, n);
        free(after);
    } else {
        ck_assert_int_eq(listener->reported > 0, listener->observer.interests != 0);
    }
    free(before);
    return attempt;
}

/* Fail one allocation after the other, until the line runs through without. While it fails,
 * the same keyspace serves again. Returns how many made it fail. */
static long fail_in_turn(const char *line, bool listens)
{
    struct harness *h = NULL;
    struct listener listener = {
        .observer = {.ops = &listener_ops, .interests = listens ? OBSERVES_LOG : 0}};
    struct attempt last = {.injected = true};
    long failures = 0;
    for (long n = 0; last.failed || last.injected; n++) {
        if (h == NULL) {
            h = set_up();
            observers_add(h->keyspace, &listener.observer);
            listener.reported = 0;
        }
        last = attempt(h, line, n, &listener);
        failures += last.failed;
        if (!last.failed) {
            harness_destroy(h);
            h = NULL;
        }
    }
    return failures;
}

static void fail_each(const char *line)
{
    for (int listens = 0; listens < 2; listens++) {
        long failures = fail_in_turn(line, listens);
#ifdef FASTKV_CHECKED
        ck_assert_msg(failures > 0, "%s never allocates", line);
#else
        ck_assert_int_eq(failures, 0);
#endif
    }
}

TEST(strings_are_set_or_not)
{
    fail_each("SET new value");
    fail_each("SET new value PX 100");
    fail_each("SET b longer-than-what-was-there-before-it-was-set-to-this");
    fail_each("SET a text PX 100 GET");
    fail_each("SET volatile text-of-another-size");
    fail_each("SET volatile text-of-another-size KEEPTTL XX GET");
    fail_each("SET large text");
    fail_each("INCR new");
    fail_each("APPEND a and-so-on-beyond-its-class");
    fail_each("APPEND new and-so-on");
}

TEST(several_strings_are_set_together_or_not_at_all)
{
    fail_each("MSET new1 1 a another-value-of-some-size new2 2 large 3 volatile 4 new3 5 a 6 "
              "new1 7 b 8 new4 9 new5 10 new6 11");
}

TEST(several_strings_get_deadlines_together_or_not_at_all)
{
    fail_each("MSETNX new1 1 new2 2 new1 7 new3 8");
    fail_each("MSETEX 8 new1 1 a another-value-of-some-size new2 2 large 3 volatile 4 new3 5 a 6 "
              "b 7 PX 100");
    fail_each("MSETEX 6 new1 1 volatile another-value new2 2 large 3 volatile 4 b 5 KEEPTTL");
    fail_each("MSETEX 2 volatile 4 b 5 XX");
}

TEST(parts_of_strings_and_numbers_are_changed_or_not)
{
    fail_each("SETRANGE b 50 text");
    fail_each("SETRANGE new 5 text");
    fail_each("SETBIT n 100 1");
    fail_each("BITOP NOT new b");
    fail_each("BITOP OR large b n a b n a b n a b n a b n a b n a b n a");
    fail_each("BITFIELD a SET u8 100 1 INCRBY u4 3 1");
    fail_each("INCRBYFLOAT new 1.5");
    fail_each("INCREX n PX 100");
    fail_each("SETEX n 100 text");
    fail_each("GETSET b text-that-is-longer-than-what-was-there-before");
}

static void fail_each_long(const char *format)
{
    enum { SIZE = 40000, LINE_SIZE = 2 * SIZE };
    char *line = malloc(LINE_SIZE);
    char *value = malloc(SIZE + 1);
    ck_assert(line != NULL && value != NULL);
    memset(value, 'x', SIZE);
    value[SIZE] = '\0';
    (void)snprintf(line, LINE_SIZE, "%s %s", format, value);
    fail_each(line);
    free(value);
    free(line);
}

TEST(long_strings_are_set_or_not)
{
    fail_each_long("SET new");
    fail_each_long("SET a");
    fail_each_long("APPEND b");
    fail_each_long("APPEND volatile");
    fail_each_long("MSET new 1 large 2 b");
    fail_each_long("MSETNX new");
    fail_each_long("SETRANGE b 3");
}

TEST(deadlines_are_set_or_not)
{
    fail_each("PEXPIRE a 100");
    fail_each("PEXPIRE large 100");
    fail_each("PERSIST volatile");
    fail_each("GETEX a PX 100");
    fail_each("GETEX b PX 100");
    fail_each("GETEX volatile PERSIST");
}

TEST(members_are_added_together_or_not_at_all)
{
    fail_each("ZADD new 1 a");
    fail_each("ZADD new 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h 9 i 10 j");
    fail_each("ZADD packed 1 a 2 b 30 member:1 4 member:30 -1 member:2");
    fail_each("ZADD brim 1 a 500 member:3 2 b 2.5 b 3 c 4 d 5 e 6 f 7 g 8 h");
    fail_each("ZADD large 1 a 500.5 member:3 2 b -1 member:400 2.5 b 3 c 4 d 5 e 6 f 7 g 8 h");
    fail_each("ZINCRBY new 100 newcomer");
    fail_each("ZINCRBY large 100 newcomer");
    fail_each("ZADD new INCR 100 newcomer");
}

#ifdef FASTKV_CHECKED

TEST(scans_answer_an_error)
{
    struct harness *h = set_up();
    pool_fail_after(h->thread->pool, 0);
    EXPECT(h, "SCAN 0", OUT_OF_MEMORY);
    pool_fail_after(h->thread->pool, 0);
    EXPECT(h, "KEYS *", OUT_OF_MEMORY);
    pool_fail_after(h->background_thread->pool, 0);
    EXPECT(h, "KEYS *", OUT_OF_MEMORY);
    pool_fail_after(h->background_thread->pool, 0);
    EXPECT(h, "SCAN 0 COUNT 5000", OUT_OF_MEMORY);
    pool_fail_after(h->background_thread->pool, -1);
    ck_assert_int_eq(strncmp(harness_run(h, "KEYS *"), "*7\r\n", 4), 0);
    harness_destroy(h);
}

TEST(reads_of_strings_answer_an_error)
{
    struct harness *h = set_up();
    pool_fail_after(h->thread->pool, 0);
    EXPECT(h, "LCS b b", OUT_OF_MEMORY);
    pool_fail_after(h->thread->pool, 1);
    EXPECT(h, "LCS b b", OUT_OF_MEMORY);
    EXPECT(h, "SETBIT long 50000 1", ":0\r\n");
    pool_fail_after(h->thread->pool, 0);
    EXPECT(h, "LCS long long LEN", OUT_OF_MEMORY);
    pool_fail_after(h->background_thread->pool, 0);
    EXPECT(h, "LCS long long", OUT_OF_MEMORY);
    pool_fail_after(h->thread->pool, 0);
    EXPECT(h, "BITRANGEINTARRAY long 0 -1 ZEROS", OUT_OF_MEMORY);
    EXPECT(h, "LCS b b", "$13\r\ntext-and-more\r\n");
    harness_destroy(h);
}

TEST(commands_of_many_keys_answer_an_error)
{
    static const char *const lines[] = {"MGET a b n a b n a b n", "EXISTS a b n a b n a b n",
                                        "DEL a b n a b n a b n"};
    struct harness *h = set_up();
    char *before = harness_dump(h);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        pool_fail_after(h->thread->pool, 0);
        EXPECT(h, lines[i], OUT_OF_MEMORY);
    }
    char *after = harness_dump(h);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    harness_destroy(h);
}

TEST(ranges_and_pops_of_many_members_answer_an_error)
{
    struct harness *h = set_up();
    add_members(h, "huge", 2500);
    pool_fail_after(h->thread->pool, 0);
    EXPECT(h, "ZRANGE huge 0 -1", OUT_OF_MEMORY);
    pool_fail_after(h->thread->pool, 0);
    EXPECT(h, "ZPOPMIN huge 2500", OUT_OF_MEMORY);
    EXPECT(h, "ZCARD huge", ":2500\r\n");
    keyspace_validate(h->keyspace);
    harness_destroy(h);
}

#endif
