/* The invariants of the keyspace, checked for tests. */
#include "store/keyspace_internal.h"
#include "store/walk.h"

struct tally {
    struct keyspace *keyspace;
    struct generation *generation;
    uint32_t shard;
    size_t keys, with_deadline;
};

static void check_entry(void *element, void *context)
{
    struct tally *tally = context;
    struct entry *entry = element;
    uint64_t hash = hash_bytes(keyspace_secret(tally->keyspace), entry_key(entry));
    ASSERT(entry_hash(entry, keyspace_secret(tally->keyspace)) == hash);
    ASSERT(shard_of(tally->keyspace, hash) == tally->shard);
    tally->keys++;
    if (entry_has_deadline(entry)) {
        struct heap *heap = &tally->generation->deadlines[tally->shard].heap;
        ASSERT(heap_at(heap, entry_node(entry)->slot) == entry_node(entry));
        ASSERT(entry_deadline_ms(entry) != 0);
        tally->with_deadline++;
    }
    if (entry_encoding(entry) == ENTRY_VALUE) {
        ASSERT(atomic_load(&entry_value(entry)->holders) >= 1);
        ASSERT(entry_value(entry)->type == entry_type(entry));
        value_ops(entry_value(entry))->validate(entry_value(entry));
    }
}

static void check_deadlines(const struct tally *tally, size_t with_deadline_before)
{
    const struct shard_deadlines *deadlines = &tally->generation->deadlines[tally->shard];
    heap_validate(&deadlines->heap);
    ASSERT(deadlines->heap.count == tally->with_deadline - with_deadline_before);
    const struct heap_node *first = heap_peek(&deadlines->heap);
    ASSERT(first == NULL || (deadlines->linked && deadlines->node.key <= first->key));
}

static void check_generation(struct keyspace *keyspace, uint32_t db, struct generation *generation)
{
    struct tally tally = {.keyspace = keyspace, .generation = generation};
    for (uint32_t shard = 0; shard < keyspace->shards; shard++) {
        struct hashtable *table = &generation->tables[shard];
        size_t with_deadline = tally.with_deadline;
        tally.shard = shard;
        ASSERT(atomic_load(&table->lock.state) == LOCK_FREE);
        hashtable_validate(table, &keyspace->type);
        (void)hashtable_scan(table, &keyspace->type, 0, SIZE_MAX, check_entry, &tally);
        check_deadlines(&tally, with_deadline);
    }
    for (unsigned i = 0; i < keyspace->options.tenders; i++) {
        heap_validate(&generation->tenders[i].heap);
    }
    ASSERT(tally.keys == keyspace_count(keyspace, db));
    ASSERT(tally.with_deadline == keyspace_count_volatile(keyspace, db));
}

void keyspace_validate(struct keyspace *keyspace)
{
    for (uint32_t db = 0; db < keyspace->options.databases; db++) {
        struct generation *generation = atomic_load(&keyspace->databases[db]);
        if (generation != NULL) {
            check_generation(keyspace, db, generation);
        }
    }
}
