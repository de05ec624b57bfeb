/* Random commands; what they report is executed on a second keyspace, which must then be
 * equal. In checked builds some allocations fail on the way. */
#include "harness.h"
#include "seed.h"
#include "store/expiry.h"
#include "unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 8, COMMANDS = 2500, EXPIRED_AT_ONCE = 1000 };

struct replay {
    struct observer observer;
    struct harness *copy;
    uint64_t effects_seen;
};

/* Time never passes in the copy: what expires is told to it. */
static void execute_effect(struct observer *observer, const struct effect *effect)
{
    struct replay *replay = (struct replay *)(void *)observer;
    struct bytes reply;
    replay->copy->session.db = effect->db;
    ck_assert_int_eq(harness_try(replay->copy, effect->argv, effect->argc, &reply), CALL_DONE);
    ck_assert_msg(reply.data[0] != '-', "%.*s: %.*s", (int)effect->argv[0].size,
                  effect->argv[0].data, (int)reply.size, reply.data);
    replay->effects_seen++;
}

static const struct observer_ops replay_ops = {.effect = execute_effect};

// ---- random commands ----

struct line {
    char text[4096];
    size_t size;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line->size +=
        (size_t)vsnprintf(line->text + line->size, sizeof(line->text) - line->size, format, args);
    va_end(args);
    ck_assert_uint_lt(line->size, sizeof(line->text));
}

static unsigned below(struct random *random, unsigned bound)
{
    return (unsigned)random_below(random, bound);
}

static const char *one_of(struct random *random, const char *const *words, unsigned count)
{
    return words[below(random, count)];
}

#define ONE_OF(random, ...)                                                                        \
    one_of(random, (const char *const[]){__VA_ARGS__},                                             \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void add_key(struct line *line, struct random *random)
{
    add(line, " key:%u", below(random, 10));
}

static void add_value(struct line *line, struct random *random)
{
    switch (below(random, 4)) {
    case 0:
        add(line, " %d", (int)below(random, 200) - 100);
        break;
    case 1:
        add(line, " %s",
            ONE_OF(random, "text", "\"\"", "007", "9223372036854775807", "\"a\\x00b\""));
        break;
    default:
        add(line, " %.*s", (int)below(random, 60),
            "the-quick-brown-fox-jumps-over-the-lazy-dog-and-more-of-it-all");
        add(line, "x");
        break;
    }
}

static void add_score(struct line *line, struct random *random)
{
    if (below(random, 20) == 0) {
        add(line, " %s", ONE_OF(random, "inf", "-inf", "1e308", "0.1", "1e-300", "0x10", "-0"));
    } else {
        add(line, " %d.%u", (int)below(random, 40) - 20, below(random, 4));
    }
}

static void add_member(struct line *line, struct random *random)
{
    add(line, " m%u", below(random, 300));
}

static void make_string_command(struct line *line, struct random *random, uint64_t now_ms)
{
    switch (below(random, 7)) {
    case 0:
        add(line, "%s", ONE_OF(random, "INCR", "DECR", "GETDEL"));
        add_key(line, random);
        break;
    case 1:
        add(line, "%s", ONE_OF(random, "INCRBY", "DECRBY"));
        add_key(line, random);
        add_value(line, random);
        break;
    case 2:
        add(line, "APPEND");
        add_key(line, random);
        add_value(line, random);
        break;
    case 3:
        add(line, "GETEX");
        add_key(line, random);
        if (below(random, 2) == 0) {
            add(line, " PXAT %" PRIu64, now_ms - 100 + below(random, 300));
        } else {
            add(line, " %s", ONE_OF(random, "", "PERSIST", "PX 200"));
        }
        break;
    case 4:
        add(line, "MSET");
        for (unsigned n = below(random, 12) + 1; n > 0; n--) {
            add_key(line, random);
            add_value(line, random);
        }
        break;
    default:
        add(line, "SET");
        add_key(line, random);
        add_value(line, random);
        add(line, " %s %s", ONE_OF(random, "", "NX", "XX"), ONE_OF(random, "", "GET"));
        if (below(random, 3) == 0) {
            add(line, " PX %u", below(random, 500) + 1);
        } else if (below(random, 8) == 0) {
            add(line, " PXAT %" PRIu64, now_ms - 100 + below(random, 300));
        } else if (below(random, 4) == 0) {
            add(line, " KEEPTTL");
        }
        break;
    }
}

static void add_increx(struct line *line, struct random *random, uint64_t now_ms)
{
    add(line, "INCREX");
    add_key(line, random);
    add(line, " %s", ONE_OF(random, "BYINT 7", "BYINT -50", "BYFLOAT 0.5", "", "NX", "XX"));
    add(line, " %s", ONE_OF(random, "", "UBOUND 20", "LBOUND -3 SATURATE"));
    if (below(random, 2) == 0) {
        add(line, " PXAT %" PRIu64 " %s", now_ms - 50 + below(random, 300),
            ONE_OF(random, "", "ENX"));
    } else {
        add(line, " %s", ONE_OF(random, "", "PERSIST"));
    }
}

static void add_msetex(struct line *line, struct random *random, uint64_t now_ms)
{
    unsigned count = below(random, 6) + 1;
    add(line, "MSETEX %u", count);
    for (unsigned i = 0; i < count; i++) {
        add_key(line, random);
        add_value(line, random);
    }
    add(line, " %s", ONE_OF(random, "", "", "NX", "XX"));
    if (below(random, 2) == 0) {
        add(line, " PXAT %" PRIu64, now_ms - 50 + below(random, 300));
    } else {
        add(line, " %s", ONE_OF(random, "", "KEEPTTL"));
    }
}

// Those that compare, and those that change a part.
static void make_other_string_command(struct line *line, struct random *random, uint64_t now_ms)
{
    switch (below(random, 9)) {
    case 0:
        add_increx(line, random, now_ms);
        break;
    case 1:
        add_msetex(line, random, now_ms);
        break;
    case 2:
        add(line, "MSETNX");
        for (unsigned n = below(random, 2) + 1; n > 0; n--) {
            add_key(line, random);
            add_value(line, random);
        }
        break;
    case 3:
        add(line, "%s", ONE_OF(random, "SETNX", "GETSET", "DELIFEQ", "INCRBYFLOAT"));
        add_key(line, random);
        add_value(line, random);
        break;
    case 4:
        add(line, "%s", ONE_OF(random, "DELEX", "SET"));
        add_key(line, random);
        if (line->text[0] == 'S') {
            add_value(line, random);
        }
        add(line, " %s", ONE_OF(random, "IFEQ 1", "IFNE 7", "IFDNE 0123456789abcdef"));
        break;
    case 5:
        add(line, "SETRANGE");
        add_key(line, random);
        add(line, " %u", below(random, 100));
        add_value(line, random);
        break;
    case 6:
        add(line, "SETBIT");
        add_key(line, random);
        add(line, " %u %u", below(random, 500), below(random, 2));
        break;
    case 7:
        add(line, "BITOP %s", ONE_OF(random, "AND", "OR", "XOR", "ONE", "DIFF", "DIFF1"));
        for (unsigned n = below(random, 3) + 3; n > 0; n--) {
            add_key(line, random);
        }
        break;
    default:
        add(line, "BITFIELD");
        add_key(line, random);
        add(line, " SET u%u %u 5 OVERFLOW %s INCRBY i5 %u 9", below(random, 63) + 1,
            below(random, 300), ONE_OF(random, "WRAP", "SAT", "FAIL"), below(random, 300));
        break;
    }
}

static void make_key_command(struct line *line, struct random *random)
{
    switch (below(random, 12)) {
    case 0:
    case 1:
    case 2:
        add(line, "%s", ONE_OF(random, "DEL", "UNLINK"));
        for (unsigned n = below(random, 20) == 0 ? 25 : 1; n > 0; n--) {
            add_key(line, random);
        }
        break;
    case 3:
    case 4:
        add(line, "PERSIST");
        add_key(line, random);
        break;
    case 5:
        add(line, "SELECT %u", below(random, 2));
        break;
    case 6:
        add(line, "%s",
            ONE_OF(random, "TTL key:1", "GET key:2", "MGET key:1 key:3", "KEYS *", "SCAN 0",
                   "RANDOMKEY"));
        break;
    case 7:
        add(line, "%s", below(random, 20) == 0 ? ONE_OF(random, "FLUSHDB", "FLUSHALL") : "PING");
        break;
    default:
        add(line, "PEXPIRE");
        add_key(line, random);
        add(line, " %d %s", (int)below(random, 600) - 50,
            ONE_OF(random, "", "NX", "XX", "GT", "LT"));
        break;
    }
}

static void make_zset_command(struct line *line, struct random *random)
{
    switch (below(random, 8)) {
    case 0:
        add(line, "ZINCRBY");
        add_key(line, random);
        add_score(line, random);
        add_member(line, random);
        break;
    case 1:
        add(line, "ZREM");
        add_key(line, random);
        for (unsigned n = below(random, 30) + 1; n > 0; n--) {
            add_member(line, random);
        }
        break;
    case 2:
        add(line, "%s", ONE_OF(random, "ZPOPMIN", "ZPOPMAX"));
        add_key(line, random);
        add(line, " %u", below(random, 40));
        break;
    case 3:
        add(line, "ZADD");
        add_key(line, random);
        add(line, " %s INCR", ONE_OF(random, "", "NX", "XX", "GT", "LT"));
        add_score(line, random);
        add_member(line, random);
        break;
    default:
        add(line, "ZADD");
        add_key(line, random);
        add(line, " %s %s", ONE_OF(random, "", "", "NX", "XX", "GT", "LT"),
            ONE_OF(random, "", "CH"));
        for (unsigned n = below(random, 40) + 1; n > 0; n--) {
            add_score(line, random);
            add_member(line, random);
        }
        break;
    }
}

// ---- the test ----

// Announce what is due now.
static void expire_due(struct harness *h)
{
    for (uint32_t db = 0; db < keyspace_databases(h->keyspace); db++) {
        struct access access = {0};
        access_open(&access, h->keyspace, h->thread, db, h->context.now_ms);
        while (keyspace_expire_due(&access, 0, EXPIRED_AT_ONCE) > 0) {
        }
    }
}

static void compare(struct harness *h, struct replay *replay, const char *last)
{
    char *ours = harness_dump(h);
    char *copied = harness_dump(replay->copy);
    ck_assert_msg(strcmp(ours, copied) == 0, "after %s:\n%s\nbut replayed:\n%s", last, ours,
                  copied);
    free(ours);
    free(copied);
}

static void run_round(struct random *random)
{
    struct harness *h = harness_create();
    struct replay replay = {.observer = {.ops = &replay_ops, .interests = OBSERVES_LOG},
                            .copy = harness_create()};
    replay.copy->context.now_ms = 1;
    observers_add(h->keyspace, &replay.observer);
    for (int i = 0; i < COMMANDS; i++) {
        struct line line = {.size = 0};
        line.text[0] = '\0';
        switch (below(random, 4)) {
        case 0:
            make_string_command(&line, random, h->context.now_ms);
            break;
        case 3:
            make_other_string_command(&line, random, h->context.now_ms);
            break;
        case 1:
            make_key_command(&line, random);
            break;
        default:
            make_zset_command(&line, random);
            break;
        }
        if (below(random, 5) == 0) {
            pool_fail_after(h->thread->pool, below(random, 12));
        }
        (void)harness_run(h, line.text);
        pool_fail_after(h->thread->pool, -1);
        h->context.now_ms += below(random, 20);
        if (below(random, 40) == 0) {
            expire_due(h);
            compare(h, &replay, line.text);
        }
    }
    keyspace_validate(h->keyspace);
    keyspace_validate(replay.copy->keyspace);
    ck_assert_uint_gt(replay.effects_seen, COMMANDS / 10);
    harness_destroy(h);
    harness_destroy(replay.copy);
}

TEST(replayed_effects_make_an_equal_keyspace)
{
    struct random random = seed_random("command/effects");
    for (int round = 0; round < ROUNDS; round++) {
        run_round(&random);
    }
}
