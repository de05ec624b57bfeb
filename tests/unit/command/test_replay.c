/* Four threads write, expire and flush at once; the effects, replayed in the order in which they
 * were told, make an equal keyspace. */
#include "base/container.h"
#include "command/background_call.h"
#include "harness.h"
#include "seed.h"
#include "store/barrier.h"
#include "store/expiry.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS = 4,
    COMMANDS = 4000, // Of each thread, in a round.
    ROUNDS = 4,
    KEYS = 24,
    FLUSH_EVERY = 60,
    WORDS = 12,
    REPLY = 8192,
    LINE = 256,
    YIELDS = 4,
};

// ---- the stream of effects ----

struct told {
    struct told *next;
    uint64_t generation;
    uint32_t db;
    uint32_t argc;
    bool is_flush;
    struct bytes argv[];
};

struct stream {
    struct observer observer;
    pthread_mutex_t lock;
    struct told *first, *last;
    unsigned long count, flushes;
};

static struct told *copy_effect(const struct effect *effect)
{
    size_t size = sizeof(struct told) + effect->argc * sizeof(struct bytes);
    for (uint32_t i = 0; i < effect->argc; i++) {
        size += effect->argv[i].size;
    }
    struct told *told = malloc(size);
    ASSERT(told != NULL);
    *told = (struct told){.generation = effect->generation,
                          .db = effect->db,
                          .argc = effect->argc,
                          .is_flush = effect->event.keys == EFFECT_NO_KEY};
    char *at = (char *)&told->argv[effect->argc];
    for (uint32_t i = 0; i < effect->argc; i++) {
        told->argv[i] = bytes_make(at, effect->argv[i].size);
        if (effect->argv[i].size > 0) {
            memcpy(at, effect->argv[i].data, effect->argv[i].size);
        }
        at += effect->argv[i].size;
    }
    return told;
}

static void note_effect(struct observer *observer, const struct effect *effect)
{
    struct stream *stream = CONTAINER_OF(observer, struct stream, observer);
    struct told *told = copy_effect(effect);
    for (int i = 0; told->is_flush && i < YIELDS; i++) {
        (void)sched_yield(); // Others shall write now, if they can.
    }
    (void)pthread_mutex_lock(&stream->lock);
    if (stream->last != NULL) {
        stream->last->next = told;
    } else {
        stream->first = told;
    }
    stream->last = told;
    stream->count++;
    stream->flushes += told->is_flush;
    (void)pthread_mutex_unlock(&stream->lock);
}

static const struct observer_ops stream_ops = {.effect = note_effect};

static void free_trash(struct keyspace *keyspace, struct store_thread *thread)
{
    struct trash trash;
    while (keyspace_take_trash(thread, &trash)) {
        keyspace_free_trash(keyspace, thread, &trash);
    }
}

// Execute all of it on a copy, where time never passes; effects of what was flushed are none.
static void replay(struct stream *stream, struct harness *copy)
{
    uint64_t flushed[8] = {0}; // By database: the number of its last flush.
    copy->context.now_ms = 1;
    while (stream->first != NULL) {
        struct told *told = stream->first;
        struct bytes reply;
        stream->first = told->next;
        copy->session.db = told->db;
        ck_assert_uint_gt(told->generation, flushed[told->db]);
        for (uint32_t db = 0; told->is_flush && db < keyspace_databases(copy->keyspace); db++) {
            if (db == told->db || bytes_equal(told->argv[0], BYTES("FLUSHALL"))) {
                flushed[db] = told->generation;
            }
        }
        ck_assert_int_eq(harness_try(copy, told->argv, told->argc, &reply), CALL_DONE);
        ck_assert_msg(reply.data[0] != '-', "%.*s", (int)reply.size, reply.data);
        free_trash(copy->keyspace, copy->thread);
        free(told);
    }
}

// ---- a thread that executes commands ----

struct writer {
    struct keyspace *keyspace;
    struct store_thread *thread;     // Of the worker.
    struct store_thread *background; // Of its deferred jobs.
    struct call_context context;
    struct session session;
    struct waiter waiter;
    _Atomic uint64_t *now_ms;
    struct random random;
    unsigned long waits;
    unsigned number;
    _Atomic bool woken;
};

static void wake_writer(struct waiter *waiter)
{
    atomic_store(&CONTAINER_OF(waiter, struct writer, waiter)->woken, true);
}

static void sleep_until_woken(struct writer *writer)
{
    writer->waits++;
    pool_offline(writer->thread->pool);
    while (!atomic_load(&writer->woken)) {
        (void)sched_yield();
    }
    pool_online(writer->thread->pool);
}

static int refuse_more(struct sink *sink, size_t size)
{
    (void)sink;
    (void)size;
    return -1;
}

static const struct sink_ops fixed_ops = {.more = refuse_more};

static void run_deferred(struct writer *writer, struct call *call, struct reply *reply)
{
    struct deferred deferred = {.reply = reply};
    pool_offline(writer->thread->pool);
    pool_online(writer->background->pool);
    access_open(&deferred.access, writer->keyspace, writer->background, call->access.db,
                writer->context.now_ms);
    call->job(&deferred, call->job_state);
    pool_free(writer->background->pool, MEMORY_JOB, call->job_state, call->job_state_size);
    free_trash(writer->keyspace, writer->background);
    pool_offline(writer->background->pool);
    pool_online(writer->thread->pool);
}

// The whole request on a background thread, as one of many keys would be.
static void execute_in_background(struct writer *writer, const struct bytes *words, uint32_t count,
                                  struct reply *reply)
{
    struct call_context context = writer->context;
    struct call call;
    context.thread = writer->background;
    pool_offline(writer->thread->pool);
    pool_online(writer->background->pool);
    call_prepare(&call, &context, &writer->session, words, count);
    background_call_begin(&call);
    background_call_run(&call, reply);
    call_release(&call, &context);
    free_trash(writer->keyspace, writer->background);
    pool_offline(writer->background->pool);
    pool_online(writer->thread->pool);
}

static void execute(struct writer *writer, char *line)
{
    struct bytes words[WORDS];
    struct key keys[WORDS];
    uint32_t shards[WORDS];
    char text[REPLY];
    struct sink sink = {.at = text, .end = text + sizeof(text), .ops = &fixed_ops};
    struct reply reply;
    struct call call;
    uint32_t count = harness_split(line, words, WORDS);
    writer->context.now_ms = atomic_fetch_add(writer->now_ms, random_below(&writer->random, 3));
    writer->context.space = (struct key_space){.keys = keys, .shards = shards, .left = WORDS};
    reply_init(&reply, &sink, PROTOCOL_RESP2);
    if (bytes_equal(words[0], BYTES("MSET")) || bytes_equal(words[0], BYTES("DEL"))) {
        execute_in_background(writer, words, count, &reply);
        ASSERT(!sink.failed);
        return;
    }
    call_prepare(&call, &writer->context, &writer->session, words, count);
    enum call_outcome outcome;
    for (;;) {
        atomic_store(&writer->woken, false);
        outcome = call_execute(&call, &reply, &writer->waiter);
        if (outcome != CALL_WAITS) {
            break;
        }
        sleep_until_woken(writer);
    }
    free_trash(writer->keyspace, writer->thread);
    if (outcome == CALL_DEFERRED) {
        run_deferred(writer, &call, &reply);
    }
    call_release(&call, &writer->context);
    ASSERT(!sink.failed);
    pool_quiesce(writer->thread->pool);
}

static void make_line(struct writer *writer, char line[LINE])
{
    struct random *random = &writer->random;
    unsigned key = (unsigned)random_below(random, KEYS);
    unsigned n = (unsigned)random_below(random, 100);
    if (random_below(random, FLUSH_EVERY) == 0) {
        (void)snprintf(line, LINE, "%s", n < 50 ? "FLUSHALL" : "FLUSHDB");
        return;
    }
    switch (random_below(random, 10)) {
    case 0:
        (void)snprintf(line, LINE, "SET s%u v%u-%u PX %u", key, writer->number, n, n + 1);
        break;
    case 1:
        (void)snprintf(line, LINE, "DEL s%u z%u", key, (key + 1) % KEYS);
        break;
    case 2:
        (void)snprintf(line, LINE, "INCRBY i%u %u", key, n);
        break;
    case 3:
        (void)snprintf(line, LINE, "ZADD z%u %u m%u %u m%u", key, n, n % 7, n / 2, n % 5);
        break;
    case 4:
        (void)snprintf(line, LINE, "%s z%u %u", n < 50 ? "ZPOPMIN" : "ZPOPMAX", key, n % 3);
        break;
    case 5:
        (void)snprintf(line, LINE, "PEXPIRE %c%u %u", "siz"[n % 3], key, n);
        break;
    case 6:
        (void)snprintf(line, LINE, "GET s%u", key);
        break;
    case 7:
        (void)snprintf(line, LINE, "MSET s%u a%u i%u %u", key, n, key, n);
        break;
    case 8:
        (void)snprintf(line, LINE, "SELECT %u", n % 2);
        break;
    default:
        (void)snprintf(line, LINE, "SET s%u v%u-%u", key, writer->number, n);
        break;
    }
}

// The first writer tends all shards.
static void expire_due(struct writer *writer)
{
    struct access access = {.keyspace = writer->keyspace,
                            .thread = writer->thread,
                            .now_ms = atomic_load(writer->now_ms)};
    (void)keyspace_expire_due(&access, 0, 100);
    (void)keyspace_next_deadline(writer->keyspace, 0);
}

static void *write_much(void *context)
{
    struct writer *writer = context;
    char line[LINE];
    pool_online(writer->thread->pool);
    for (int i = 0; i < COMMANDS; i++) {
        make_line(writer, line);
        execute(writer, line);
        if (writer->number == 0 && i % 8 == 0) {
            expire_due(writer);
        }
    }
    pool_offline(writer->thread->pool);
    return NULL;
}

// ---- the test ----

static void open_writer(struct writer *writer, struct harness *h, struct random *random)
{
    writer->keyspace = h->keyspace;
    writer->thread = keyspace_thread_create(h->keyspace);
    writer->background = keyspace_thread_create(h->keyspace);
    ck_assert(writer->thread != NULL && writer->background != NULL);
    pool_offline(writer->thread->pool);
    pool_offline(writer->background->pool);
    barrier_stand_aside(writer->background);
    writer->context = h->context;
    writer->context.thread = writer->thread;
    writer->waiter.wake = wake_writer;
    writer->random.state = random_next(random);
}

static void run_round(struct random *random)
{
    struct harness *h = harness_create();
    struct harness *copy = harness_create();
    struct stream stream = {.observer = {.ops = &stream_ops, .interests = OBSERVES_LOG},
                            .lock = PTHREAD_MUTEX_INITIALIZER};
    struct writer writers[THREADS] = {0};
    pthread_t threads[THREADS];
    _Atomic uint64_t now_ms = HARNESS_NOW_MS;
    observers_add(h->keyspace, &stream.observer);
    pool_offline(h->thread->pool);
    for (unsigned i = 0; i < THREADS; i++) {
        open_writer(&writers[i], h, random);
        writers[i].number = i;
        writers[i].now_ms = &now_ms;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_much, &writers[i]), 0);
    }
    unsigned long waits = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        keyspace_thread_destroy(h->keyspace, writers[i].thread);
        keyspace_thread_destroy(h->keyspace, writers[i].background);
        waits += writers[i].waits;
    }
    pool_online(h->thread->pool);
    printf("# %lu effects, %lu flushes, %lu waits\n", stream.count, stream.flushes, waits);
    ck_assert_uint_gt(stream.flushes, 0);
    replay(&stream, copy);
    h->context.now_ms = copy->context.now_ms = atomic_load(&now_ms);
    char *ours = harness_dump(h);
    char *replayed = harness_dump(copy);
    ck_assert_msg(strcmp(ours, replayed) == 0, "%s\nbut replayed:\n%s", ours, replayed);
    free(ours);
    free(replayed);
    keyspace_validate(h->keyspace);
    harness_destroy(h);
    harness_destroy(copy);
}

TEST(effects_told_by_many_threads_replay_to_an_equal_keyspace)
{
    struct random random = seed_random("command/replay");
    for (int round = 0; round < ROUNDS; round++) {
        run_round(&random);
    }
}
