/* One key at a time: find, put, remove. The shard's lock is held throughout. */
#include "base/number.h"
#include "store/keyspace_internal.h"
#include "store/prefetch.h"
#include "value/string/string_value.h"

#include <errno.h>

static void add_one(_Atomic uint64_t *counter)
{
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, old + 1, memory_order_relaxed);
}

static struct thread_counts *counts_of(const struct access *access)
{
    return &access->generation->counts[access->thread->index];
}

static struct heap *heap_of(const struct access *access, uint64_t hash)
{
    return &access->generation->deadlines[shard_of(access->keyspace, hash)].heap;
}

static struct hashtable *table_of(const struct access *access, uint64_t hash)
{
    return &access->generation->tables[shard_of(access->keyspace, hash)];
}

// ---- finding and removing ----

void keyspace_drop_entry(struct access *access, uint64_t hash, struct entry *entry)
{
    struct pool *pool = access->thread->pool;
    hashtable_remove(table_of(access, hash), pool, table_hash(access->keyspace, hash), entry);
    if (entry_has_deadline(entry)) {
        heap_remove(heap_of(access, hash), pool, entry_node(entry));
        count_add(&counts_of(access)->with_deadline, -1);
    }
    count_add(&counts_of(access)->keys, -1);
    if (entry_encoding(entry) == ENTRY_VALUE) {
        keyspace_drop_own(access->thread, entry_value(entry));
    }
    entry_free(entry, pool);
}

// What expiry tells is not counted among what the command at hand has changed.
static __attribute__((noinline)) void tell_expired(struct access *access, uint64_t hash,
                                                   struct bytes name)
{
    static const struct effect_event expired = {"expired", EFFECT_EXPIRED, EFFECT_ONE_KEY};
    if ((access->observers & OBSERVES_EFFECTS) != 0) {
        const struct bytes argv[] = {BYTES("DEL"), name};
        effects_tell(access, expired, argv, 2);
        access_count_effect(access, UINT32_MAX); // One back.
    }
    if ((access->observers & OBSERVES_TOUCHES) != 0) {
        observers_touch(access, name, hash);
    }
}

void keyspace_expire_entry(struct access *access, uint64_t hash, struct entry *entry)
{
    if (UNLIKELY(access->observers != 0)) {
        tell_expired(access, hash, entry_key(entry));
    }
    add_one(&access->thread->expired);
    keyspace_drop_entry(access, hash, entry);
}

struct entry *keyspace_find_live(struct access *access, const struct key *key)
{
    if (UNLIKELY(access->generation == NULL)) {
        return NULL;
    }
    struct entry *entry =
        hashtable_find(table_of(access, key->hash), table_hash(access->keyspace, key->hash),
                       entry_has_key, &key->name);
    if (UNLIKELY(entry != NULL && entry_is_due(entry, access->now_ms))) {
        if (LIKELY(access_may_expire(access))) {
            keyspace_expire_entry(access, key->hash, entry);
        }
        return NULL;
    }
    return entry;
}

struct entry *keyspace_find(struct access *access, const struct key *key)
{
    struct entry *entry = keyspace_find_live(access, key);
    if (access->counts_lookups) {
        add_one(entry != NULL ? &access->thread->hits : &access->thread->misses);
    }
    return entry;
}

bool keyspace_remove(struct access *access, const struct key *key)
{
    struct entry *entry = keyspace_find_live(access, key);
    if (entry == NULL) {
        return false;
    }
    keyspace_drop_entry(access, key->hash, entry);
    access_touch(access, key->name, key->hash);
    return true;
}

// ---- putting ----

/* Put `fresh` where `old` (NULL: nothing) stands, with or without a deadline as it
 * was made. The old block is freed, but not its value. 0, or -ENOMEM with nothing
 * changed and `fresh` still the caller's. */
static int exchange(struct access *access, const struct key *key, struct entry *old,
                    struct entry *fresh, uint64_t deadline_ms)
{
    struct pool *pool = access->thread->pool;
    uint64_t hash = table_hash(access->keyspace, key->hash);
    struct heap *heap = heap_of(access, key->hash);
    bool had_deadline = old != NULL && entry_has_deadline(old);
    if (entry_has_deadline(fresh) && had_deadline) {
        *entry_node(fresh) = *entry_node(old);
        heap_moved(heap, entry_node(fresh));
        heap_rekey(heap, entry_node(fresh), deadline_ms);
    } else if (entry_has_deadline(fresh)) {
        int error = heap_push(heap, pool, entry_node(fresh), deadline_ms);
        if (error < 0) {
            return error;
        }
        count_add(&counts_of(access)->with_deadline, 1);
    } else if (had_deadline) {
        heap_remove(heap, pool, entry_node(old));
        count_add(&counts_of(access)->with_deadline, -1);
    }
    if (old != NULL) {
        hashtable_replace(table_of(access, key->hash), hash, old, fresh);
        entry_free(old, pool);
        return 0;
    }
    int error =
        hashtable_insert(table_of(access, key->hash), pool, &access->keyspace->type, hash, fresh);
    if (error < 0) {
        if (entry_has_deadline(fresh)) {
            heap_remove(heap, pool, entry_node(fresh));
            count_add(&counts_of(access)->with_deadline, -1);
        }
        return error;
    }
    count_add(&counts_of(access)->keys, 1);
    return 0;
}

struct entry *keyspace_put_payload(struct access *access, const struct key *key, struct entry *old,
                                   const struct payload *payload, uint64_t deadline_ms)
{
    DEBUG_ASSERT(access->generation != NULL); // See access_ensure_database.
    if (deadline_ms != 0 && expiry_arm(access, access->generation,
                                       shard_of(access->keyspace, key->hash), deadline_ms) < 0) {
        return NULL;
    }
    struct value *old_value =
        old != NULL && entry_encoding(old) == ENTRY_VALUE ? entry_value(old) : NULL;
    struct entry *entry = old;
    bool same_shape = old != NULL && entry_has_deadline(old) == (deadline_ms != 0);
    if (same_shape && entry_rewrite(old, payload)) {
        if (deadline_ms != 0 && entry_deadline_ms(old) != deadline_ms) {
            heap_rekey(heap_of(access, key->hash), entry_node(old), deadline_ms);
        }
    } else {
        entry = entry_create(access->thread->pool, key, payload, deadline_ms != 0);
        if (entry != NULL && exchange(access, key, old, entry, deadline_ms) < 0) {
            entry_free(entry, access->thread->pool);
            entry = NULL;
        }
        if (entry == NULL) {
            return NULL;
        }
    }
    access_touch(access, key->name, key->hash);
    if (old_value != NULL && !(payload->encoding == ENTRY_VALUE && payload->value == old_value)) {
        keyspace_drop_own(access->thread, old_value);
    }
    return entry;
}

static int put(struct access *access, const struct key *key, struct entry *old,
               const struct payload *payload, uint64_t deadline_ms)
{
    return keyspace_put_payload(access, key, old, payload, deadline_ms) == NULL ? -ENOMEM : 0;
}

static uint64_t deadline_to_set(const struct entry *old, const struct put_options *options)
{
    if (options->keeps_deadline) {
        return old == NULL ? 0 : entry_deadline_ms(old);
    }
    return options->deadline_ms;
}

static bool looks_like_integer(struct bytes value)
{
    return value.size > 0 && value.size <= NUMBER_INTEGER_SIZE_MAX &&
           (value.data[0] == '-' || (value.data[0] >= '0' && value.data[0] <= '9'));
}

// Whether `value` is stored beside its key; then *payload_out says how.
static bool is_short(struct bytes value, struct payload *payload_out)
{
    *payload_out = (struct payload){.type = VALUE_STRING, .encoding = ENTRY_RAW, .raw = value};
    int64_t integer;
    if (looks_like_integer(value) && number_parse_integer(value, &integer)) {
        payload_out->encoding = ENTRY_INTEGER;
        payload_out->integer = integer;
    }
    return LIKELY(value.size < STRING_EMBEDDED_MAX);
}

int keyspace_put_long_string(struct access *access, const struct key *key, struct string *string,
                             const struct put_options *options)
{
    struct entry *old = keyspace_find_live(access, key);
    struct payload payload = {
        .type = VALUE_STRING, .encoding = ENTRY_VALUE, .value = &string->value};
    return put(access, key, old, &payload, deadline_to_set(old, options));
}

static int copy_long_string(struct access *access, const struct key *key, struct bytes value,
                            const struct put_options *options)
{
    struct string *string = string_create(access->thread->pool, value, value.size);
    if (string == NULL) {
        return -ENOMEM;
    }
    int error = keyspace_put_long_string(access, key, string, options);
    if (error < 0) {
        string_destroy(string, access->thread->pool);
    }
    return error;
}

int keyspace_put_string(struct access *access, const struct key *key, struct bytes value,
                        const struct put_options *options)
{
    struct payload payload;
    if (!is_short(value, &payload)) {
        return copy_long_string(access, key, value, options);
    }
    struct entry *old = keyspace_find_live(access, key);
    return put(access, key, old, &payload, deadline_to_set(old, options));
}

// ---- putting several at once ----

// An entry that no table knows yet; NULL when out of memory.
static struct entry *create_unlinked(struct pool *pool, const struct key *key, struct bytes value,
                                     bool has_deadline)
{
    struct payload payload;
    if (is_short(value, &payload)) {
        return entry_create(pool, key, &payload, has_deadline);
    }
    struct string *string = string_create(pool, value, value.size);
    if (string == NULL) {
        return NULL;
    }
    payload.encoding = ENTRY_VALUE;
    payload.value = &string->value;
    struct entry *entry = entry_create(pool, key, &payload, has_deadline);
    if (entry == NULL) {
        string_destroy(string, pool);
    }
    return entry;
}

static void free_unlinked(struct access *access, struct entry *entry)
{
    if (entry_encoding(entry) == ENTRY_VALUE) {
        keyspace_drop_own(access->thread, entry_value(entry));
    }
    entry_free(entry, access->thread->pool);
}

enum { BATCH_MAX = 512 }; // So many keys the caller may have prefetched, in a batch.

static struct entry *find_staged(struct access *access, struct key *keys,
                                 const struct staged *staged, size_t i)
{
    if (UNLIKELY(staged->count > BATCH_MAX)) {
        keyspace_prefetch_many(access->keyspace, access->db, keys, staged->count, i);
    }
    return keyspace_find_live(access, &keys[i]);
}

/* Where keys are to keep their deadlines, give room for one to the entries that come in the
 * place of one that has it. 0 or -ENOMEM, with nothing changed. */
static int take_deadlines(struct access *access, struct key *keys, struct staged *staged)
{
    for (size_t i = 0; i < staged->count && staged->options.keeps_deadline; i++) {
        const struct entry *old = find_staged(access, keys, staged, i);
        if (old == NULL || !entry_has_deadline(old) || entry_has_deadline(staged->entries[i])) {
            continue;
        }
        struct payload payload = entry_payload(staged->entries[i]);
        struct entry *fresh = entry_create(access->thread->pool, &keys[i], &payload, true);
        if (fresh == NULL) {
            return -ENOMEM;
        }
        entry_free(staged->entries[i], access->thread->pool);
        staged->entries[i] = fresh;
    }
    return 0;
}

// Take out what link_absent has put in before the `count`-th, all of which were absent.
static void unlink_absent(struct access *access, const struct key *keys,
                          const struct staged *staged, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        if (staged->entries[i] == NULL) {
            keyspace_drop_entry(access, keys[i].hash, keyspace_find_live(access, &keys[i]));
        }
    }
}

/* Link the entries whose keys are absent, and forget them in `staged`. On -ENOMEM none of
 * them is linked, and those that were are freed. */
static int link_absent(struct access *access, struct key *keys, struct staged *staged)
{
    uint64_t deadline_ms = staged->options.deadline_ms;
    for (size_t i = 0; i < staged->count; i++) {
        if (find_staged(access, keys, staged, i) != NULL) {
            continue;
        }
        int error = exchange(access, &keys[i], NULL, staged->entries[i], deadline_ms);
        if (error < 0) {
            unlink_absent(access, keys, staged, i);
            return error;
        }
        staged->entries[i] = NULL;
    }
    return 0;
}

// The entry is to be put in the place of another, and has a deadline.
static bool comes_with_deadline(const struct entry *staged)
{
    return staged != NULL && entry_has_deadline(staged);
}

// Take out of their heaps what push_deadlines has put in before the `count`-th.
static void remove_deadlines(struct access *access, const struct key *keys,
                             const struct staged *staged, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (comes_with_deadline(staged->entries[i])) {
            heap_remove(heap_of(access, keys[i].hash), access->thread->pool,
                        entry_node(staged->entries[i]));
        }
    }
}

/* Put the deadlines of the other entries into their heaps, beside those of what they
 * replace. 0, or -ENOMEM with nothing changed. */
static int push_deadlines(struct access *access, struct key *keys, struct staged *staged)
{
    for (size_t i = 0; i < staged->count; i++) {
        struct entry *fresh = staged->entries[i];
        if (!comes_with_deadline(fresh)) {
            continue;
        }
        uint64_t deadline_ms = staged->options.deadline_ms;
        if (staged->options.keeps_deadline) {
            deadline_ms = entry_deadline_ms(find_staged(access, keys, staged, i));
        }
        int error = heap_push(heap_of(access, keys[i].hash), access->thread->pool,
                              entry_node(fresh), deadline_ms);
        if (error < 0) {
            remove_deadlines(access, keys, staged, i);
            return error;
        }
    }
    return 0;
}

// Put the other entries, whose deadlines are in place, where the old ones are. Needs no memory.
static void replace_present(struct access *access, struct key *keys, struct staged *staged)
{
    struct pool *pool = access->thread->pool;
    for (size_t i = 0; i < staged->count; i++) {
        struct entry *fresh = staged->entries[i];
        if (fresh == NULL) {
            continue;
        }
        struct entry *old = find_staged(access, keys, staged, i);
        struct value *old_value = entry_encoding(old) == ENTRY_VALUE ? entry_value(old) : NULL;
        if (entry_has_deadline(old)) {
            heap_remove(heap_of(access, keys[i].hash), pool, entry_node(old));
        }
        count_add(&counts_of(access)->with_deadline,
                  (int)entry_has_deadline(fresh) - (int)entry_has_deadline(old));
        hashtable_replace(table_of(access, keys[i].hash),
                          table_hash(access->keyspace, keys[i].hash), old, fresh);
        entry_free(old, pool);
        staged->entries[i] = NULL;
        if (old_value != NULL) {
            keyspace_drop_own(access->thread, old_value);
        }
    }
}

int keyspace_stage_strings(struct access *access, const struct key *keys,
                           const struct bytes *values, struct staged *staged)
{
    struct pool *pool = access->thread->pool;
    size_t size = staged->count * sizeof(struct entry *);
    staged->entries = pool_alloc(pool, MEMORY_JOB, size);
    if (staged->entries == NULL) {
        return -ENOMEM;
    }
    memset(staged->entries, 0, size);
    for (size_t i = 0; i < staged->count; i++) {
        bool has_deadline = staged->options.deadline_ms != 0;
        staged->entries[i] = create_unlinked(pool, &keys[i], values[2 * i], has_deadline);
        if (staged->entries[i] == NULL) {
            keyspace_free_staged(access, staged);
            return -ENOMEM;
        }
    }
    return 0;
}

// Have the tenders wake for the deadline. 0 or -ENOMEM.
static int arm_staged(struct access *access, const struct key *keys, const struct staged *staged)
{
    int error = 0;
    for (size_t i = 0; i < staged->count && staged->options.deadline_ms != 0 && error == 0; i++) {
        error = expiry_arm(access, access->generation, shard_of(access->keyspace, keys[i].hash),
                           staged->options.deadline_ms);
    }
    return error;
}

int keyspace_put_staged(struct access *access, struct key *keys, struct staged *staged)
{
    DEBUG_ASSERT(access->generation != NULL); // See access_ensure_database.
    int error = arm_staged(access, keys, staged);
    if (error == 0) {
        error = take_deadlines(access, keys, staged);
    }
    if (error == 0) {
        error = link_absent(access, keys, staged);
    }
    if (error < 0) {
        return error;
    }
    error = push_deadlines(access, keys, staged);
    if (error < 0) {
        unlink_absent(access, keys, staged, staged->count);
        return error;
    }
    replace_present(access, keys, staged);
    for (size_t i = 0; i < staged->count; i++) {
        access_touch(access, keys[i].name, keys[i].hash);
    }
    return 0;
}

void keyspace_free_staged(struct access *access, struct staged *staged)
{
    for (size_t i = 0; i < staged->count; i++) {
        if (staged->entries[i] != NULL) {
            free_unlinked(access, staged->entries[i]);
        }
    }
    pool_free(access->thread->pool, MEMORY_JOB, staged->entries,
              staged->count * sizeof(struct entry *));
    *staged = (struct staged){0};
}

// ---- putting other values ----

int keyspace_put_integer(struct access *access, const struct key *key, int64_t value,
                         const struct put_options *options)
{
    struct entry *old = keyspace_find_live(access, key);
    struct payload payload = {.type = VALUE_STRING, .encoding = ENTRY_INTEGER, .integer = value};
    return put(access, key, old, &payload, deadline_to_set(old, options));
}

int keyspace_put_value(struct access *access, const struct key *key, struct value *value)
{
    struct entry *old = keyspace_find_live(access, key);
    struct payload payload = {
        .type = (enum value_type)value->type, .encoding = ENTRY_VALUE, .value = value};
    return put(access, key, old, &payload, 0);
}

// ---- deadlines ----

int keyspace_set_deadline(struct access *access, const struct key *key, uint64_t deadline_ms)
{
    struct entry *entry = keyspace_find_live(access, key);
    ASSERT(entry != NULL);
    if (deadline_ms == entry_deadline_ms(entry)) {
        access_touch(access, key->name, key->hash); // It was set, if to what it was.
        return 0;
    }
    struct payload payload = entry_payload(entry);
    pool_open_reserve(access->thread->pool); // A deadline frees memory, in the end.
    int error = put(access, key, entry, &payload, deadline_ms);
    pool_close_reserve(access->thread->pool);
    return error;
}
