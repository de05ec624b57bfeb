/* Who listens is told of each change, and only of what was asked for. */
#include "base/container.h"
#include "store/access.h"
#include "store/effects.h"
#include "store/expiry.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

enum { LOG_SIZE = 1024 };

struct listener {
    struct observer observer;
    char log[LOG_SIZE];
    size_t size;
};

static void note(struct listener *listener, const char *what, struct bytes name)
{
    listener->size += (size_t)snprintf(listener->log + listener->size, LOG_SIZE - listener->size,
                                       "%s:%.*s ", what, (int)name.size, name.data);
    ck_assert_uint_lt(listener->size, LOG_SIZE);
}

static void note_touch(struct observer *observer, const struct access *access, struct bytes name,
                       uint64_t hash)
{
    ck_assert_uint_eq(hash, keyspace_hash(access->keyspace, name));
    note(CONTAINER_OF(observer, struct listener, observer), "touch", name);
}

static void note_flush(struct observer *observer, uint32_t db)
{
    note(CONTAINER_OF(observer, struct listener, observer), "flush",
         db == 0 ? BYTES("0") : BYTES("1"));
}

static void note_effect(struct observer *observer, const struct effect *effect)
{
    struct listener *listener = CONTAINER_OF(observer, struct listener, observer);
    for (uint32_t i = 0; i < effect->key_count; i++) {
        note(listener, effect->event.name, effect->keys[(size_t)i * effect->key_step]);
    }
    if (effect->key_count == 0) {
        note(listener, effect->event.name, BYTES("-"));
    }
}

static void note_group(struct observer *observer, bool begins)
{
    note(CONTAINER_OF(observer, struct listener, observer), begins ? "begin" : "end", BYTES(""));
}

static const struct observer_ops ops = {
    .effect = note_effect, .group = note_group, .touched = note_touch, .flushed = note_flush};

#define EXPECT_LOG(listener, expected)                                                             \
    do {                                                                                           \
        ck_assert_str_eq((listener)->log, expected);                                               \
        (listener)->size = 0;                                                                      \
        (listener)->log[0] = '\0';                                                                 \
    } while (0)

static void no_wake(void *context, unsigned tender)
{
    (void)context;
    (void)tender;
}

static struct keyspace *create(void)
{
    const struct keyspace_options options = {
        .shard_bits = 3,
        .databases = 2,
        .threads = 4,
        .tenders = 1,
        .secret = {.sip = {1, 2}},
        .wake = no_wake,
    };
    struct keyspace *keyspace = keyspace_create(&options);
    ck_assert_ptr_nonnull(keyspace);
    return keyspace;
}

TEST(a_bit_stays_until_it_was_lowered_as_often_as_raised)
{
    struct keyspace *keyspace = create();
    struct store_thread *thread = keyspace_thread_create(keyspace);
    struct access access;
    observers_raise(keyspace, OBSERVES_WATCH);
    observers_raise(keyspace, OBSERVES_WATCH);
    observers_raise(keyspace, OBSERVES_MONITOR);
    access_open(&access, keyspace, thread, 0, 1);
    ck_assert_uint_eq(access.observers, OBSERVES_WATCH | OBSERVES_MONITOR);
    observers_lower(keyspace, OBSERVES_WATCH);
    observers_lower(keyspace, OBSERVES_MONITOR);
    access_observe(&access);
    ck_assert_uint_eq(access.observers, OBSERVES_WATCH);
    observers_lower(keyspace, OBSERVES_WATCH);
    access_observe(&access);
    ck_assert_uint_eq(access.observers, 0);
    keyspace_thread_destroy(keyspace, thread);
    keyspace_destroy(keyspace);
}

TEST(each_function_that_changes_a_key_touches_it)
{
    struct keyspace *keyspace = create();
    struct store_thread *thread = keyspace_thread_create(keyspace);
    struct listener listener = {.observer = {.ops = &ops, .interests = OBSERVES_WATCH}};
    struct key keys[] = {keyspace_key(keyspace, BYTES("a")), keyspace_key(keyspace, BYTES("b"))};
    const struct bytes values[] = {BYTES("1"), BYTES("-"), BYTES("2")};
    const struct put_options options = {0};
    const struct put_options expiring = {.deadline_ms = 1500};
    struct access access = {0};
    struct staged staged = {.count = 2};
    size_t size;
    observers_add(keyspace, &listener.observer);
    access_open(&access, keyspace, thread, 0, 1000);
    ck_assert_int_eq(keyspace_put_string(&access, keys, BYTES("v"), &options), 0);
    EXPECT_LOG(&listener, "touch:a ");
    ck_assert_int_eq(keyspace_put_integer(&access, keys, 7, &options), 0);
    EXPECT_LOG(&listener, "touch:a ");
    ck_assert_int_eq(keyspace_append(&access, keys, BYTES("x"), &size), 0);
    EXPECT_LOG(&listener, "touch:a ");
    ck_assert_int_eq(keyspace_set_deadline(&access, keys, 5000), 0);
    EXPECT_LOG(&listener, "touch:a ");
    ck_assert_int_eq(keyspace_stage_strings(&access, keys, values, &staged), 0);
    EXPECT_LOG(&listener, "");
    ck_assert_int_eq(keyspace_put_staged(&access, keys, &staged), 0);
    keyspace_free_staged(&access, &staged);
    EXPECT_LOG(&listener, "touch:a touch:b ");
    ck_assert_ptr_nonnull(keyspace_find(&access, keys));
    EXPECT_LOG(&listener, "");
    ck_assert(keyspace_remove(&access, keys));
    EXPECT_LOG(&listener, "touch:a ");
    ck_assert(!keyspace_remove(&access, keys));
    EXPECT_LOG(&listener, "");
    ck_assert_int_eq(keyspace_put_string(&access, keys, BYTES("v"), &expiring), 0);
    EXPECT_LOG(&listener, "touch:a ");
    access.now_ms = 1500;
    ck_assert_ptr_null(keyspace_find(&access, keys));
    EXPECT_LOG(&listener, "touch:a ");
    keyspace_touch(&access, &keys[1]);
    EXPECT_LOG(&listener, "touch:b ");
    keyspace_flush(&access, KEYSPACE_ALL);
    EXPECT_LOG(&listener, "flush:0 flush:1 ");
    observers_remove(keyspace, thread, &listener.observer);
    access_open(&access, keyspace, thread, 0, 2000);
    ck_assert_uint_eq(access.observers, 0);
    keyspace_thread_destroy(keyspace, thread);
    keyspace_destroy(keyspace);
}

TEST(effects_come_to_all_who_asked_for_them)
{
    static const struct effect_event del = {"del", EFFECT_GENERIC, EFFECT_ALL_KEYS};
    static const struct effect_event mset = {"set", EFFECT_STRING, EFFECT_KEY_VALUE_PAIRS};
    static const struct effect_event expire = {"expire", EFFECT_GENERIC, EFFECT_ONE_KEY};
    static const struct effect_event flush = {"flush", EFFECT_GENERIC, EFFECT_NO_KEY};
    const struct bytes argv[] = {BYTES("X"), BYTES("a"), BYTES("b"), BYTES("c"), BYTES("d")};
    struct keyspace *keyspace = create();
    struct store_thread *thread = keyspace_thread_create(keyspace);
    struct listener log = {.observer = {.ops = &ops, .interests = OBSERVES_LOG}};
    struct listener events = {.observer = {.ops = &ops, .interests = OBSERVES_NOTIFICATIONS}};
    struct listener watch = {.observer = {.ops = &ops, .interests = OBSERVES_WATCH}};
    struct access access = {0};
    observers_add(keyspace, &watch.observer);
    observers_add(keyspace, &log.observer);
    observers_add(keyspace, &events.observer);
    access_open(&access, keyspace, thread, 0, 1000);
    effects_group_begin(&access);
    effects_tell(&access, del, argv, 3);
    effects_tell(&access, mset, argv, 5);
    effects_tell_event(&access, expire, argv[1]);
    effects_group_end(&access);
    EXPECT_LOG(&log, "begin: del:a del:b set:a set:c end: ");
    EXPECT_LOG(&events, "begin: del:a del:b set:a set:c expire:a end: ");
    EXPECT_LOG(&watch, "");
    observers_remove(keyspace, thread, &log.observer);
    effects_tell(&access, flush, argv, 1);
    EXPECT_LOG(&events, "flush:- ");
    EXPECT_LOG(&log, "");
    observers_remove(keyspace, thread, &watch.observer);
    observers_remove(keyspace, thread, &events.observer);
    keyspace_thread_destroy(keyspace, thread);
    keyspace_destroy(keyspace);
}

// ---- what a removed key tells ----

TEST(a_key_that_expires_tells_expired)
{
    struct keyspace *keyspace = create();
    struct store_thread *thread = keyspace_thread_create(keyspace);
    struct listener log = {.observer = {.ops = &ops, .interests = OBSERVES_LOG}};
    const struct key key = keyspace_key(keyspace, BYTES("k"));
    const struct put_options options = {.deadline_ms = 1500};
    struct access access = {0};
    observers_add(keyspace, &log.observer);
    access_open(&access, keyspace, thread, 0, 1000);
    ck_assert_int_eq(keyspace_put_string(&access, &key, BYTES("v"), &options), 0);
    access.now_ms = 2000;
    ck_assert_uint_eq(keyspace_expire_due(&access, 0, 10), 1);
    EXPECT_LOG(&log, "expired:k ");
    observers_remove(keyspace, thread, &log.observer);
    keyspace_thread_destroy(keyspace, thread);
    keyspace_destroy(keyspace);
}
