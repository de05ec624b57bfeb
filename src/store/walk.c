/* Walks over the whole keyspace, one shard at a time.
 *
 *   cursor:  shard │ position in its table (48 bits)        0 begins and ends
 */
#include "store/walk.h"

#include "store/keyspace_internal.h"

enum { CURSOR_POSITION_BITS = 48 };

struct visiting {
    const struct access *access;
    keyspace_visit visit;
    void *context;
    size_t seen;
};

static void visit_live(void *element, void *context)
{
    struct visiting *visiting = context;
    const struct entry *entry = element;
    visiting->seen++;
    if (!entry_is_due(entry, visiting->access->now_ms)) {
        visiting->visit(entry, visiting->context);
    }
}

static bool is_empty(const struct hashtable *table)
{
    return atomic_load_explicit(&table->root, memory_order_relaxed) == 0;
}

static bool lock_for(struct access *access, const struct keyspace_walk *walk, uint32_t shard)
{
    if (walk->may_wait) {
        access_lock_wait(access, shard);
        return true;
    }
    return access_try_lock(access, shard);
}

bool keyspace_scan(struct access *access, struct keyspace_walk *walk, keyspace_visit visit,
                   void *context)
{
    struct keyspace *keyspace = access->keyspace;
    struct visiting visiting = {.access = access, .visit = visit, .context = context};
    uint64_t shard = walk->cursor >> CURSOR_POSITION_BITS;
    uint64_t position = walk->cursor << (64 - CURSOR_POSITION_BITS);
    uint32_t locked = 0;
    while (access->generation != NULL && shard < keyspace->shards &&
           visiting.seen < walk->elements_min && locked < walk->shards_max) {
        struct hashtable *table = &access->generation->tables[shard];
        if (!is_empty(table)) {
            if (!lock_for(access, walk, (uint32_t)shard)) {
                walk->cursor =
                    shard << CURSOR_POSITION_BITS | position >> (64 - CURSOR_POSITION_BITS);
                return false;
            }
            position = hashtable_scan(table, &keyspace->type, position,
                                      walk->elements_min - visiting.seen, visit_live, &visiting);
            uint32_t index = (uint32_t)shard;
            access_unlock(access, &index, 1);
            locked++;
        } else {
            position = 0;
        }
        shard += position == 0;
    }
    bool is_over = access->generation == NULL || shard >= keyspace->shards;
    walk->cursor =
        is_over ? 0 : shard << CURSOR_POSITION_BITS | position >> (64 - CURSOR_POSITION_BITS);
    return true;
}

// One live entry of a shard, which is locked; NULL if a few picks find none.
static const struct entry *pick(struct access *access, uint32_t shard, struct random *random)
{
    enum { PICKS = 16 };
    for (int i = 0; i < PICKS; i++) {
        const struct entry *entry = hashtable_random(&access->generation->tables[shard], random);
        if (entry == NULL || !entry_is_due(entry, access->now_ms)) {
            return entry;
        }
    }
    return NULL;
}

// Visit a live entry of a shard, picked at random; false when there is none or it is busy.
static bool visit_random(struct access *access, uint32_t shard, struct random *random,
                         keyspace_visit visit, void *context)
{
    if (is_empty(&access->generation->tables[shard]) || !access_lock(access, &shard, 1, NULL)) {
        return false;
    }
    const struct entry *entry = pick(access, shard, random);
    if (entry != NULL) {
        visit(entry, context);
    }
    access_unlock(access, &shard, 1);
    return entry != NULL;
}

bool keyspace_random(struct access *access, struct random *random, keyspace_visit visit,
                     void *context)
{
    // Any shard is as likely as any other, unless so few have keys that guessing fails.
    enum { GUESSES = 128 };
    uint32_t shards = access->keyspace->shards;
    if (access->generation == NULL) {
        return false;
    }
    for (int i = 0; i < GUESSES; i++) {
        if (visit_random(access, (uint32_t)random_below(random, shards), random, visit, context)) {
            return true;
        }
    }
    uint32_t chosen = 0;
    uint32_t seen = 0; // Shards with keys; each replaces the choice with a chance of 1 in seen.
    for (uint32_t shard = 0; shard < shards; shard++) {
        if (!is_empty(&access->generation->tables[shard]) && random_below(random, ++seen) == 0) {
            chosen = shard;
        }
    }
    // The choice may be busy, or have nothing but what is past its deadline: then the next one.
    for (uint32_t i = 0; seen > 0 && i < shards; i++) {
        if (visit_random(access, (chosen + i) & (shards - 1), random, visit, context)) {
            return true;
        }
    }
    return false;
}

// ---- counts ----

static int64_t sum_counts(const struct keyspace *keyspace, uint32_t db, bool with_deadline)
{
    const struct generation *generation =
        atomic_load_explicit(&keyspace->databases[db], memory_order_acquire);
    int64_t sum = 0;
    for (unsigned i = 0; generation != NULL && i < keyspace->options.threads; i++) {
        const struct thread_counts *counts = &generation->counts[i];
        sum += atomic_load_explicit(with_deadline ? &counts->with_deadline : &counts->keys,
                                    memory_order_relaxed);
    }
    return sum < 0 ? 0 : sum;
}

uint64_t keyspace_count(struct keyspace *keyspace, uint32_t db)
{
    return (uint64_t)sum_counts(keyspace, db, false);
}

uint64_t keyspace_count_volatile(struct keyspace *keyspace, uint32_t db)
{
    return (uint64_t)sum_counts(keyspace, db, true);
}

bool keyspace_is_used(const struct keyspace *keyspace, uint32_t db)
{
    return atomic_load_explicit(&keyspace->databases[db], memory_order_relaxed) != NULL;
}
