/* Keys whose hashes somebody has chosen, for which this file replaces the hash: that of a key
 * is its first eight bytes. */
#include "base/hash.h"
#include "base/random.h"
#include "ds/hashtable.h"
#include "store/access.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

// Fewer where lookups go through all.
enum { KEYS = 36 * 1000, FEWER_KEYS = 5000, KEY_SIZE = 16, LONG_KEY_SIZE = 300 };

static uint64_t hashed; // How many keys were.

uint64_t hash_bytes(const struct hash_secret *secret, struct bytes input)
{
    (void)secret;
    ASSERT(input.size >= sizeof(uint64_t));
    hashed++;
    uint64_t hash;
    memcpy(&hash, input.data, sizeof(hash));
    return hash;
}

struct fixture {
    struct keyspace *keyspace;
    struct store_thread *thread;
    size_t key_size;
    unsigned equal_bits;
};

static struct fixture set_up(unsigned equal_bits)
{
    struct keyspace_options options = {.databases = 1, .threads = 1, .tenders = 1};
    struct fixture f = {
        .keyspace = keyspace_create(&options), .key_size = KEY_SIZE, .equal_bits = equal_bits};
    f.thread = keyspace_thread_create(f.keyspace);
    return f;
}

static void tear_down(struct fixture *f)
{
    keyspace_thread_destroy(f->keyspace, f->thread);
    keyspace_destroy(f->keyspace);
}

static uint64_t table_bytes(const struct fixture *f)
{
    uint64_t bytes[MEMORY_TAGS];
    pool_quiesce(f->thread->pool);
    depot_usage(keyspace_depot(f->keyspace), bytes);
    return bytes[MEMORY_TABLE];
}

/* Key i: hashes agree in the first equal_bits bits, are random below, and the rest tells keys
 * apart. */
static struct key make_key(const struct fixture *f, uint64_t i, char name[LONG_KEY_SIZE])
{
    uint64_t hash = random_next(&(struct random){i});
    if (f->equal_bits > 0) {
        uint64_t same = UINT64_C(0xc0ffee123456789a) >> (64 - f->equal_bits);
        hash = f->equal_bits == 64 ? same : hash >> f->equal_bits | same << (64 - f->equal_bits);
    }
    memset(name, 'k', f->key_size);
    memcpy(name, &hash, sizeof(hash));
    memcpy(name + sizeof(hash), &i, sizeof(i));
    return keyspace_key(f->keyspace, bytes_make(name, f->key_size));
}

/* Do one thing to a key under its lock; returns how many keys were hashed meanwhile. */
static uint64_t with_key(struct fixture *f, uint64_t i,
                         void (*act)(struct access *access, const struct key *key))
{
    char name[LONG_KEY_SIZE];
    struct key key = make_key(f, i, name);
    uint64_t before = hashed;
    uint32_t shard = keyspace_shard(f->keyspace, key.hash);
    struct access access;
    access_open(&access, f->keyspace, f->thread, 0, 1);
    access_lock_wait(&access, shard);
    act(&access, &key);
    access_unlock(&access, &shard, 1);
    pool_quiesce(f->thread->pool);
    return hashed - before;
}

static void set(struct access *access, const struct key *key)
{
    ASSERT(keyspace_put_string(access, key, BYTES("v"), &(struct put_options){0}) == 0);
}

static void check_is_there(struct access *access, const struct key *key)
{
    ASSERT(keyspace_find(access, key) != NULL);
}

static void drop(struct access *access, const struct key *key)
{
    ASSERT(keyspace_remove(access, key));
}

static void check_bounds(unsigned equal_bits, uint64_t keys)
{
    struct fixture f = set_up(equal_bits);
    uint64_t at_first = table_bytes(&f);
    uint64_t most = 0;
    for (uint64_t i = 0; i < keys; i++) {
        uint64_t moved = with_key(&f, i, set);
        most = moved > most ? moved : most;
        if (i % 1000 == 999) {
            ASSERT(table_bytes(&f) - at_first <= (i + 1) * 24);
        }
    }
    // A split at most.
    ck_assert_uint_le(most, (uint64_t)HASHTABLE_BUCKETS_MAX * HASHTABLE_SLOTS);
    keyspace_validate(f.keyspace);
    for (uint64_t i = 0; i < keys; i += 13) {
        (void)with_key(&f, i, check_is_there);
    }
    for (uint64_t i = 0; i < keys; i++) {
        (void)with_key(&f, i, drop);
    }
    ck_assert_uint_eq(table_bytes(&f), at_first);
    tear_down(&f);
}

TEST(keys_that_share_a_shard_and_more_take_memory_for_what_they_are)
{
    check_bounds(20, KEYS);
    check_bounds(30, KEYS);
    check_bounds(42, KEYS);
}

TEST(keys_that_share_more_than_a_table_can_part_do_too)
{
    check_bounds(50, FEWER_KEYS);
}

TEST(keys_of_one_hash_do_too)
{
    check_bounds(64, FEWER_KEYS);
}

TEST(chosen_hashes_are_noticed_once)
{
    struct fixture f = set_up(0);
    for (uint64_t i = 0; i < KEYS; i++) {
        (void)with_key(&f, i, set);
    }
    ck_assert_uint_eq(keyspace_skewed_splits(f.keyspace), 0);
    ck_assert(!keyspace_tells_of_skew(f.keyspace));
    f.equal_bits = 30;
    for (uint64_t i = 0; i < 2000; i++) {
        (void)with_key(&f, i, set);
    }
    ck_assert_uint_ge(keyspace_skewed_splits(f.keyspace), 10);
    ck_assert(keyspace_tells_of_skew(f.keyspace));
    ck_assert(!keyspace_tells_of_skew(f.keyspace));
    tear_down(&f);
}

TEST(long_keys_are_not_hashed_again_under_the_lock)
{
    struct fixture f = set_up(14);
    f.key_size = LONG_KEY_SIZE;
    for (uint64_t i = 0; i < 5000; i++) {
        ASSERT(with_key(&f, i, set) == 0);
    }
    keyspace_validate(f.keyspace);
    tear_down(&f);
}
