/* Groups of calls: one unit whatever shards and databases they name. */
#include "base/container.h"
#include "base/number.h"
#include "command/group.h"
#include "harness.h"
#include "programs/command_table.h"
#include "store/walk.h"
#include "unit.h"
#include "value/zset/zset.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS = 8,
    KEYS = 4,
    DATABASES = 32,
    GROUP_MAX = 50,
    ROUNDS = 400,
    TEXT = 32,
    SHARD_BITS = 3,
    REPLIES = 16384,
};

// ---- a thread that runs groups ----

struct runner {
    struct keyspace *keyspace;
    struct store_thread *thread;
    struct call_context context;
    struct session session;
    struct waiter waiter;
    sem_t woken;
    unsigned number;
    unsigned count; // Calls of the next group.
    _Atomic bool *is_over;
    struct key keys[GROUP_MAX * DATABASES];
    uint32_t shards[GROUP_MAX * DATABASES];
    struct call calls[GROUP_MAX * DATABASES];
    struct bytes args[GROUP_MAX * DATABASES][3];
    char text[GROUP_MAX * DATABASES][3][TEXT];
    char replies[REPLIES];
};

static void wake_runner(struct waiter *waiter)
{
    (void)sem_post(&CONTAINER_OF(waiter, struct runner, waiter)->woken);
}

static int refuse_more(struct sink *sink, size_t size)
{
    (void)sink;
    (void)size;
    return -1;
}

static const struct sink_ops fixed_ops = {.more = refuse_more};

static struct runner *runner_create(struct keyspace *keyspace, unsigned number)
{
    struct runner *runner = calloc(1, sizeof(*runner));
    ck_assert_ptr_nonnull(runner);
    runner->keyspace = keyspace;
    runner->number = number;
    runner->session.protocol = PROTOCOL_RESP2;
    runner->waiter.wake = wake_runner;
    (void)sem_init(&runner->woken, 0, 0);
    runner->thread = keyspace_thread_create(keyspace);
    ck_assert_ptr_nonnull(runner->thread);
    pool_offline(runner->thread->pool);
    runner->context = (struct call_context){.commands = &command_table,
                                            .keyspace = keyspace,
                                            .thread = runner->thread,
                                            .now_ms = HARNESS_NOW_MS};
    return runner;
}

static void runner_destroy(struct runner *runner)
{
    pool_online(runner->thread->pool);
    keyspace_thread_destroy(runner->keyspace, runner->thread);
    (void)sem_destroy(&runner->woken);
    free(runner);
}

// Add a call to the next group: words[0] on a key of a database, by an amount.
static void set_call(struct runner *runner, uint32_t db, const char *command, const char *key,
                     int64_t amount)
{
    unsigned i = runner->count++;
    char(*text)[TEXT] = runner->text[i];
    (void)snprintf(text[0], TEXT, "%s", command);
    (void)snprintf(text[1], TEXT, "%s", key);
    (void)snprintf(text[2], TEXT, "%lld", (long long)amount);
    for (int j = 0; j < 3; j++) {
        runner->args[i][j] = bytes_of_string(text[j]);
    }
    runner->session.db = db;
    call_prepare(&runner->calls[i], &runner->context, &runner->session, runner->args[i],
                 strcmp(command, "GET") == 0 ? 2 : 3);
    runner->calls[i].access.db = db;
}

// Begin a group; the calls that are added prefetch, for which the thread is online.
static void begin_group(struct runner *runner)
{
    pool_online(runner->thread->pool);
    runner->count = 0;
    runner->context.space = (struct key_space){
        .keys = runner->keys, .shards = runner->shards, .left = GROUP_MAX * DATABASES};
}

// Run the group, as often as it has to wait; its replies are in runner->replies.
static void run_group(struct runner *runner, unsigned count)
{
    struct call_group group = {.may_sleep = runner->number % 3 == 0};
    while (group_begin(&group, runner->calls, count, &runner->waiter) == CALL_WAITS) {
        pool_offline(runner->thread->pool);
        while (sem_wait(&runner->woken) != 0) {
        }
        pool_online(runner->thread->pool);
    }
    struct sink sink = {.ops = &fixed_ops};
    struct reply reply;
    sink.at = runner->replies;
    sink.end = runner->replies + REPLIES;
    reply_init(&reply, &sink, PROTOCOL_RESP2);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(call_run(&runner->calls[i], &reply), CALL_DONE);
    }
    group_end(&group);
    ck_assert(!sink.failed);
    *sink.at = '\0';
    pool_quiesce(runner->thread->pool);
    pool_offline(runner->thread->pool);
}

static void key_name(char name[TEXT], uint64_t i)
{
    (void)snprintf(name, TEXT, "key%llu", (unsigned long long)i);
}

// ---- sums are preserved ----

// Amounts whose sum is zero, spread over random keys of all databases.
static void *move_amounts(void *context)
{
    struct runner *runner = context;
    struct random random = {runner->number + 1};
    for (int round = 0; round < ROUNDS; round++) {
        unsigned count = 1 + (unsigned)random_below(&random, GROUP_MAX);
        int64_t sum = 0;
        begin_group(runner);
        for (unsigned i = 0; i < count; i++) {
            char key[TEXT];
            key_name(key, random_below(&random, KEYS));
            int64_t amount = (int64_t)random_below(&random, 1000) - 500;
            amount = i + 1 == count ? -sum : amount;
            sum += amount;
            set_call(runner, (uint32_t)random_below(&random, DATABASES), "INCRBY", key, amount);
        }
        run_group(runner, count);
    }
    return NULL;
}

static int64_t sum_of_replies(const char *at, unsigned count)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(*at, '$');
        if (strncmp(at, "$-1\r\n", 5) == 0) {
            at += 5;
            continue;
        }
        at = strchr(at, '\n') + 1;
        sum += strtoll(at, NULL, 10);
        at = strchr(at, '\n') + 1;
    }
    ck_assert_int_eq(*at, '\0');
    return sum;
}

// All keys of all databases at one moment.
static int64_t read_sum(struct runner *runner)
{
    unsigned count = 0;
    begin_group(runner);
    for (uint32_t db = 0; db < DATABASES; db++) {
        for (unsigned i = 0; i < KEYS; i++) {
            char key[TEXT];
            key_name(key, i);
            set_call(runner, db, "GET", key, 0);
            count++;
        }
    }
    run_group(runner, count);
    return sum_of_replies(runner->replies, count);
}

static void *watch_sum(void *context)
{
    struct runner *runner = context;
    while (!atomic_load(runner->is_over)) {
        ck_assert_int_eq(read_sum(runner), 0);
    }
    return NULL;
}

static void *flush_often(void *context)
{
    struct runner *runner = context;
    while (!atomic_load(runner->is_over)) {
        struct access access = {0};
        struct trash trash;
        pool_online(runner->thread->pool);
        access_open(&access, runner->keyspace, runner->thread, 0, HARNESS_NOW_MS);
        keyspace_flush(&access, KEYSPACE_ALL);
        if (keyspace_take_trash(runner->thread, &trash)) {
            keyspace_free_trash(runner->keyspace, runner->thread, &trash);
        }
        pool_offline(runner->thread->pool);
    }
    return NULL;
}

static struct keyspace *small_keyspace(void)
{
    const struct keyspace_options options = {
        .shard_bits = SHARD_BITS, .databases = DATABASES, .threads = THREADS + 2, .tenders = 1};
    struct keyspace *keyspace = keyspace_create(&options);
    ck_assert_ptr_nonnull(keyspace);
    return keyspace;
}

static void preserve_sums(bool flushes)
{
    struct keyspace *keyspace = small_keyspace();
    struct runner *runners[THREADS + 2];
    pthread_t threads[THREADS + 2];
    _Atomic bool is_over = false;
    for (unsigned i = 0; i < THREADS + 2; i++) {
        runners[i] = runner_create(keyspace, i);
        runners[i]->is_over = &is_over;
        void *(*run)(void *) = i < THREADS                ? move_amounts
                               : i == THREADS || !flushes ? watch_sum
                                                          : flush_often;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, runners[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    atomic_store(&is_over, true);
    (void)pthread_join(threads[THREADS], NULL);
    (void)pthread_join(threads[THREADS + 1], NULL);
    ck_assert_int_eq(read_sum(runners[0]), 0);
    for (unsigned i = 0; i < THREADS + 2; i++) {
        runner_destroy(runners[i]);
    }
    keyspace_validate(keyspace);
    keyspace_destroy(keyspace);
}

TEST(groups_of_any_keys_are_one_unit)
{
    preserve_sums(false);
}

TEST(groups_over_several_databases_are_one_unit_beside_flushes)
{
    preserve_sums(true);
}

// ---- one thread ----

TEST(a_group_waits_for_a_busy_shard_and_holds_nothing)
{
    struct keyspace *keyspace = small_keyspace();
    struct runner *runner = runner_create(keyspace, 1);
    struct access access = {0};
    struct call_group group = {0};
    begin_group(runner);
    set_call(runner, 0, "INCRBY", "a", 1);
    set_call(runner, 1, "INCRBY", "b", 1);
    set_call(runner, 1, "INCRBY", "b", 1);
    run_group(runner, 3);
    pool_online(runner->thread->pool);
    uint32_t shard = runner->calls[1].shards[0];
    access_open(&access, keyspace, runner->thread, 1, HARNESS_NOW_MS);
    access_lock_wait(&access, shard);
    ck_assert_int_eq(group_begin(&group, runner->calls, 3, &runner->waiter), CALL_WAITS);
    ck_assert_int_ne(sem_trywait(&runner->woken), 0);
    access_unlock(&access, &shard, 1);
    ck_assert_int_eq(sem_trywait(&runner->woken), 0);
    run_group(runner, 3);
    ck_assert_str_eq(runner->replies, ":2\r\n:3\r\n:4\r\n");
    runner_destroy(runner);
    keyspace_destroy(keyspace);
}

TEST(a_group_waits_while_a_value_that_it_edits_is_walked)
{
    struct keyspace *keyspace = small_keyspace();
    struct runner *runner = runner_create(keyspace, 1);
    struct access access = {0};
    struct call_group group = {0};
    begin_group(runner);
    set_call(runner, 0, "INCRBY", "n", 1);
    set_call(runner, 0, "ZPOPMIN", "z", 1);
    struct zset *zset = zset_create(runner->thread->pool, keyspace_secret(keyspace));
    enum zset_put put;
    ck_assert_int_eq(zset_put(zset, runner->thread->pool, BYTES("m"), 1, &put), 0);
    access_open(&access, keyspace, runner->thread, 0, HARNESS_NOW_MS);
    struct key key = keyspace_key(keyspace, BYTES("z"));
    ck_assert_int_eq(keyspace_put_value(&access, &key, zset_value(zset)), 0);
    keyspace_hold(runner->thread, zset_value(zset));
    ck_assert_int_eq(group_begin(&group, runner->calls, 2, &runner->waiter), CALL_WAITS);
    ck_assert_int_ne(sem_trywait(&runner->woken), 0);
    keyspace_drop(runner->thread, zset_value(zset));
    ck_assert_int_eq(sem_trywait(&runner->woken), 0);
    run_group(runner, 2);
    ck_assert_str_eq(runner->replies, ":1\r\n*2\r\n$1\r\nm\r\n$1\r\n1\r\n");
    runner_destroy(runner);
    keyspace_destroy(keyspace);
}

TEST(an_empty_group_is_done)
{
    struct call_group group = {0};
    ck_assert_int_eq(group_begin(&group, NULL, 0, NULL), CALL_DONE);
    group_end(&group);
}
