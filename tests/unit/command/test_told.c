/* What commands and groups tell who listens, and what the barrier lets them do. */
#include "base/container.h"
#include "command/group.h"
#include "harness.h"
#include "proto/protocol.h"
#include "store/barrier.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

enum { LOG_SIZE = 2048 };

struct listener {
    struct observer observer;
    char log[LOG_SIZE];
    size_t size;
};

static void note(struct listener *listener, const char *text)
{
    listener->size +=
        (size_t)snprintf(listener->log + listener->size, LOG_SIZE - listener->size, "%s ", text);
    ck_assert_uint_lt(listener->size, LOG_SIZE);
}

static void note_effect(struct observer *observer, const struct effect *effect)
{
    note(CONTAINER_OF(observer, struct listener, observer), effect->event.name);
}

static void note_group(struct observer *observer, bool begins)
{
    note(CONTAINER_OF(observer, struct listener, observer), begins ? "(" : ")");
}

static const struct observer_ops ops = {.effect = note_effect, .group = note_group};

#define EXPECT_TOLD(h, listener, line, expected)                                                   \
    do {                                                                                           \
        (listener)->size = 0;                                                                      \
        (listener)->log[0] = '\0';                                                                 \
        (void)harness_run(h, line);                                                                \
        ck_assert_msg(strcmp((listener)->log, expected) == 0, "%s tells %s", line,                 \
                      (listener)->log);                                                            \
    } while (0)

TEST(commands_tell_the_events_that_redis_names)
{
    struct harness *h = harness_create();
    struct listener listener = {.observer = {.ops = &ops, .interests = OBSERVES_NOTIFICATIONS}};
    observers_add(h->keyspace, &listener.observer);
    EXPECT_TOLD(h, &listener, "SET a 1", "set ");
    EXPECT_TOLD(h, &listener, "SET a 1 PX 100", "set expire ");
    EXPECT_TOLD(h, &listener, "SET a 1 NX", "");
    EXPECT_TOLD(h, &listener, "GET a", "");
    EXPECT_TOLD(h, &listener, "INCR a", "incrby ");
    EXPECT_TOLD(h, &listener, "DECRBY a 3", "decrby ");
    EXPECT_TOLD(h, &listener, "APPEND a x", "append ");
    EXPECT_TOLD(h, &listener, "MSET a 1 b 2", "set ");
    EXPECT_TOLD(h, &listener, "PEXPIRE a 100", "expire ");
    EXPECT_TOLD(h, &listener, "PERSIST a", "persist ");
    EXPECT_TOLD(h, &listener, "DEL a b c", "del ");
    EXPECT_TOLD(h, &listener, "DEL a b c", "");
    EXPECT_TOLD(h, &listener, "ZADD z 1 a 2 b 3 c", "zadd ");
    EXPECT_TOLD(h, &listener, "ZADD z 1 a", "");
    EXPECT_TOLD(h, &listener, "ZINCRBY z 1 a", "zincr ");
    EXPECT_TOLD(h, &listener, "ZREM z nothing", "");
    EXPECT_TOLD(h, &listener, "ZREM z a", "zrem ");
    EXPECT_TOLD(h, &listener, "ZPOPMIN z", "zpopmin ");
    EXPECT_TOLD(h, &listener, "ZPOPMAX z 5", "zpopmax del ");
    EXPECT_TOLD(h, &listener, "FLUSHALL", "flush ");
    observers_remove(h->keyspace, h->thread, &listener.observer);
    EXPECT_TOLD(h, &listener, "SET a 1", "");
    harness_destroy(h);
}

TEST(commands_on_strings_tell_the_events_that_redis_names)
{
    struct harness *h = harness_create();
    struct listener listener = {.observer = {.ops = &ops, .interests = OBSERVES_NOTIFICATIONS}};
    observers_add(h->keyspace, &listener.observer);
    EXPECT_TOLD(h, &listener, "SETNX a 1", "set ");
    EXPECT_TOLD(h, &listener, "SETNX a 1", "");
    EXPECT_TOLD(h, &listener, "SETEX a 10 1", "set expire ");
    EXPECT_TOLD(h, &listener, "GETSET a 1", "set ");
    EXPECT_TOLD(h, &listener, "SET a 1 IFEQ 2", "");
    EXPECT_TOLD(h, &listener, "MSETNX a 1", "");
    EXPECT_TOLD(h, &listener, "MSETNX b 1 c 2", "set ");
    EXPECT_TOLD(h, &listener, "MSETEX 2 b 1 c 2 PX 10", "( set expire set expire ) ");
    EXPECT_TOLD(h, &listener, "MSETEX 3 b 1 c 2 x 1 PXAT 1", "( del del ) ");
    EXPECT_TOLD(h, &listener, "MSETEX 1 a 2 NX", "");
    EXPECT_TOLD(h, &listener, "INCRBYFLOAT a 1", "incrbyfloat ");
    EXPECT_TOLD(h, &listener, "INCREX a PX 100", "incrby expire ");
    EXPECT_TOLD(h, &listener, "INCREX a BYFLOAT 1 PERSIST", "incrbyfloat persist ");
    EXPECT_TOLD(h, &listener, "INCREX a PERSIST", "incrby ");
    EXPECT_TOLD(h, &listener, "INCREX a UBOUND 0", "");
    EXPECT_TOLD(h, &listener, "INCREX a EXAT 1", "del ");
    EXPECT_TOLD(h, &listener, "SETRANGE a 3 x", "setrange ");
    EXPECT_TOLD(h, &listener, "SETRANGE a 3 \"\"", "");
    EXPECT_TOLD(h, &listener, "SETBIT a 3 1", "setbit ");
    EXPECT_TOLD(h, &listener, "SETBIT a 3 1", "");
    EXPECT_TOLD(h, &listener, "BITFIELD a SET u8 0 7 SET u8 8 9", "setbit ");
    EXPECT_TOLD(h, &listener, "BITFIELD a SET u8 0 7 GET u8 8", "");
    EXPECT_TOLD(h, &listener, "BITOP NOT b a", "set ");
    EXPECT_TOLD(h, &listener, "BITOP NOT b absent", "del ");
    EXPECT_TOLD(h, &listener, "BITOP NOT b absent", "");
    EXPECT_TOLD(h, &listener, "DELEX a IFEQ x", "");
    EXPECT_TOLD(h, &listener, "DELEX a IFNE x", "del ");
    EXPECT_TOLD(h, &listener, "DELIFEQ a x", "");
    harness_destroy(h);
}

TEST(a_flush_goes_to_the_background_only_when_somebody_listens)
{
    struct harness *h = harness_create();
    struct listener listener = {.observer = {.ops = &ops, .interests = OBSERVES_LOG}};
    EXPECT(h, "FLUSHALL", "+OK\r\n");
    ck_assert(!h->was_deferred);
    observers_add(h->keyspace, &listener.observer);
    EXPECT(h, "SET a 1", "+OK\r\n");
    EXPECT(h, "FLUSHDB", "+OK\r\n");
    ck_assert(h->was_deferred);
    EXPECT(h, "DBSIZE", ":0\r\n");
    ck_assert_str_eq(listener.log, "set flush ");
    harness_destroy(h);
}

TEST(while_the_barrier_is_held_writes_wait_and_reads_do_not)
{
    struct harness *h = harness_create();
    const struct bytes set[] = {BYTES("SET"), BYTES("k"), BYTES("w")};
    struct bytes reply;
    EXPECT(h, "SET k v", "+OK\r\n");
    pool_online(h->background_thread->pool);
    pool_offline(h->thread->pool);
    barrier_enter(h->keyspace, h->background_thread);
    pool_online(h->thread->pool);
    EXPECT(h, "GET k", "$1\r\nv\r\n");
    ck_assert_int_eq(harness_try(h, set, 3, &reply), CALL_WAITS);
    ck_assert(!h->woken);
    barrier_leave(h->keyspace, h->background_thread);
    pool_offline(h->background_thread->pool);
    ck_assert(h->woken);
    ck_assert_int_eq(harness_try(h, set, 3, &reply), CALL_DONE);
    EXPECT(h, "GET k", "$1\r\nw\r\n");
    harness_destroy(h);
}

// ---- groups ----

enum { CALLS = 2 };

// NOLINTBEGIN(readability-non-const-parameter): calls write to both.
static void prepare_group(struct harness *h, struct call *calls, const struct bytes argv[CALLS][3],
                          struct key *keys, uint32_t *shards)
{
    // NOLINTEND(readability-non-const-parameter)
    h->context.space = (struct key_space){.keys = keys, .shards = shards, .left = CALLS};
    for (unsigned i = 0; i < CALLS; i++) {
        call_prepare(&calls[i], &h->context, &h->session, argv[i], 3);
        calls[i].access.db = 0;
    }
}

static int refuse_more(struct sink *sink, size_t size)
{
    (void)sink;
    (void)size;
    return -1;
}

TEST(a_group_is_told_in_brackets_and_waits_for_the_barrier)
{
    static const struct sink_ops fixed_ops = {.more = refuse_more};
    const struct bytes argv[CALLS][3] = {{BYTES("SET"), BYTES("a"), BYTES("1")},
                                         {BYTES("INCRBY"), BYTES("b"), BYTES("2")}};
    struct harness *h = harness_create();
    struct listener listener = {.observer = {.ops = &ops, .interests = OBSERVES_LOG}};
    struct call calls[CALLS];
    struct key keys[CALLS];
    uint32_t shards[CALLS];
    struct call_group group = {0};
    char text[64];
    struct sink sink = {.at = text, .end = text + sizeof(text), .ops = &fixed_ops};
    struct reply reply;
    observers_add(h->keyspace, &listener.observer);
    reply_init(&reply, &sink, PROTOCOL_RESP2);
    pool_online(h->background_thread->pool);
    pool_offline(h->thread->pool);
    barrier_enter(h->keyspace, h->background_thread);
    pool_online(h->thread->pool);
    prepare_group(h, calls, argv, keys, shards);
    ck_assert_int_eq(group_begin(&group, calls, CALLS, &h->waiter), CALL_WAITS);
    ck_assert(!h->woken);
    barrier_leave(h->keyspace, h->background_thread);
    pool_offline(h->background_thread->pool);
    ck_assert(h->woken);
    ck_assert_int_eq(group_begin(&group, calls, CALLS, &h->waiter), CALL_DONE);
    for (unsigned i = 0; i < CALLS; i++) {
        ck_assert_int_eq(call_run(&calls[i], &reply), CALL_DONE);
    }
    group_end(&group);
    ck_assert_str_eq(listener.log, "( set incrby ) ");
    harness_destroy(h);
}
