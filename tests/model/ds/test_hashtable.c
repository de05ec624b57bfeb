/* Random operations on a table, beside flags that say which elements are in it.
 *
 * ASSERT and not ck_assert, which writes to a pipe each time. */
#include "ds/hashtable.h"
#include "seed.h"
#include "unit.h"

enum { SCAN_STEP = 20 };

struct element {
    uint64_t hash;
    uint64_t since;  // The step at which it was inserted.
    uint32_t visits; // By the running scan, since then.
    uint32_t is_member;
};

/* Hashes from good to as bad as can be. */
enum hashes {
    HASHES_RANDOM,
    HASHES_EQUAL_TAGS, // The upper 16 bits alike: all in one home bucket.
    HASHES_SEQUENTIAL, // Evenly spaced, in steps that depth can part.
    HASHES_FEW_BITS,   // 64 different hashes in all.
    HASHES_ONE,        // One for all.
    HASHES_CLUSTERED,  // Half of them under a prefix of 12 bits.
    HASHES_PREFIXES,   // Half under one of 9 bits, a quarter under one of 20, one of 30.
    HASHES_EQUAL_32,   // The upper bits alike, so many that depth can just not part them;
    HASHES_EQUAL_48,   // tags not even then;
    HASHES_EQUAL_60,   // what a cursor shows not either.
    HASHES_KINDS,
};

struct model {
    struct depot *depot;
    struct pool *pool;
    struct hashtable table;
    struct element *elements;
    struct element *twins; // What elements are replaced by: the same hash elsewhere.
    size_t size;
    size_t members;
    uint64_t step;
    uint64_t cursor; // Of the running scan, which began at step scan_start.
    uint64_t scan_start;
    struct random random;
    enum hashes hashes;
};

static uint64_t make_hash(struct random *random, enum hashes kind, size_t i)
{
    uint64_t r = random_next(random);
    switch (kind) {
    case HASHES_EQUAL_TAGS:
        return r >> 16 | UINT64_C(0x5a5a) << 48;
    case HASHES_SEQUENTIAL:
        return (uint64_t)i << 46;
    case HASHES_FEW_BITS:
        return (r & 63) << 56;
    case HASHES_ONE:
        return UINT64_MAX;
    case HASHES_CLUSTERED:
        return i % 2 == 0 ? r : r >> 12;
    case HASHES_PREFIXES:
        return i % 2 == 0   ? r >> 9 | UINT64_C(0x155) << 55
               : i % 4 == 1 ? r >> 20 | UINT64_C(0xabcde) << 44
                            : r >> 30 | UINT64_C(0x2fffffff) << 34;
    case HASHES_EQUAL_32:
        return r >> 32 | UINT64_C(0x87654321) << 32;
    case HASHES_EQUAL_48:
        return r >> 48 | UINT64_C(0x123456789abc) << 16;
    case HASHES_EQUAL_60:
        return r >> 60 | UINT64_C(0xfedcba987654321) << 4;
    default:
        return r;
    }
}

static const int context_value;

static uint64_t element_hash(const void *element, const void *context)
{
    ASSERT(context == &context_value);
    return ((const struct element *)element)->hash;
}

static bool is_same(const void *element, const void *sought)
{
    return element == sought;
}

static const struct hashtable_type type = {.hash = element_hash, .context = &context_value};

static struct model model_create(size_t size, enum hashes hashes, struct random random)
{
    struct model m = {.size = size, .hashes = hashes, .random = random, .scan_start = 1};
    m.depot = depot_create();
    m.pool = pool_create(m.depot);
    m.elements = calloc(2 * size, sizeof *m.elements);
    ASSERT(m.elements != NULL);
    m.twins = m.elements + size;
    for (size_t i = 0; i < size; i++) {
        m.elements[i].hash = m.twins[i].hash = make_hash(&m.random, hashes, i);
    }
    return m;
}

static void model_destroy(struct model *m)
{
    hashtable_deinit(&m->table, m->pool);
    pool_quiesce(m->pool);
    uint64_t bytes[MEMORY_TAGS];
    depot_usage(m->depot, bytes);
    ASSERT(bytes[MEMORY_TABLE] == 0);
    pool_destroy(m->pool);
    depot_destroy(m->depot);
    free(m->elements);
}

static void do_insert(struct model *m, struct element *element)
{
    int error = hashtable_insert(&m->table, m->pool, &type, element->hash, element);
    ASSERT(error == 0);
    element->is_member = true;
    element->since = m->step;
    element->visits = 0;
    m->members++;
}

static void do_remove(struct model *m, struct element *element)
{
    hashtable_remove(&m->table, m->pool, element->hash, element);
    element->is_member = false;
    m->members--;
}

/* Replacing hands the element's past on, as a new value under the same key does. */
static void do_replace(struct model *m, struct element *old, struct element *new)
{
    hashtable_replace(&m->table, old->hash, old, new);
    *new = *old;
    old->is_member = false;
}

static void visit(void *element, void *context)
{
    struct model *m = context;
    struct element *e = element;
    ASSERT(e->is_member);
    ASSERT(e->hash >= m->cursor);
    ASSERT(e->visits == 0);
    e->visits++;
}

static void check_scanned(struct model *m)
{
    for (size_t i = 0; i < 2 * m->size; i++) {
        struct element *e = &m->elements[i];
        ASSERT(!e->is_member || e->since >= m->scan_start || e->visits == 1);
        e->visits = 0;
    }
    m->scan_start = m->step + 1;
}

static void do_scan(struct model *m)
{
    m->cursor =
        hashtable_scan(&m->table, &type, m->cursor, random_below(&m->random, SCAN_STEP), visit, m);
    ASSERT((m->cursor & 0xffff) == 0);
    if (m->cursor == 0) {
        check_scanned(m);
    }
}

static void do_find(struct model *m, const struct element *element)
{
    hashtable_prefetch_pages(&m->table, element->hash);
    uint64_t place = hashtable_prefetch_bucket(&m->table, element->hash);
    if (hashtable_prefetch_elements(&m->table, element->hash, place)) {
        hashtable_prefetch_overflow(&m->table, element->hash);
    }
    void *found = hashtable_find(&m->table, element->hash, is_same, element);
    ASSERT(found == (element->is_member ? element : NULL));
}

static void do_random(struct model *m)
{
    const struct element *element = hashtable_random(&m->table, &m->random);
    ASSERT((element != NULL) == (m->members > 0));
    ASSERT(element == NULL || element->is_member);
}

/* One operation; `growth` in 16 changes are insertions. */
static void do_step(struct model *m, unsigned growth)
{
    m->step++;
    size_t i = random_below(&m->random, m->size);
    struct element *element = m->twins[i].is_member ? &m->twins[i] : &m->elements[i];
    struct element *other = m->twins[i].is_member ? &m->elements[i] : &m->twins[i];
    uint64_t what = random_below(&m->random, 64);
    if (what == 0) {
        do_scan(m);
    } else if (what < 4) {
        do_find(m, element);
        do_find(m, other);
    } else if (what < 5) {
        do_random(m);
    } else if (what < 8 && element->is_member) {
        do_replace(m, element, other);
    } else if (random_below(&m->random, 16) < growth) {
        if (!element->is_member) {
            do_insert(m, element);
        }
    } else if (element->is_member) {
        do_remove(m, element);
    }
    if (random_below(&m->random, 8) == 0) {
        pool_quiesce(m->pool);
    }
}

static void check_all(struct model *m)
{
    hashtable_validate(&m->table, &type);
    ASSERT(hashtable_count(&m->table) == m->members);
    for (size_t i = 0; i < 2 * m->size; i++) {
        do_find(m, &m->elements[i]);
    }
}

/* Grow and shrink over and over; every `check_every` steps all is checked. */
static void run(struct model *m, size_t phases, size_t steps, size_t check_every)
{
    static const unsigned growths[] = {15, 8, 1, 12, 4, 0};
    for (size_t phase = 0; phase < phases; phase++) {
        unsigned growth = growths[phase % (sizeof growths / sizeof growths[0])];
        for (size_t i = 0; i < steps; i++) {
            do_step(m, growth);
            if (m->step % check_every == 0) {
                check_all(m);
            }
        }
        check_all(m);
    }
    for (size_t i = 0; i < 2 * m->size; i++) {
        if (m->elements[i].is_member) {
            do_remove(m, &m->elements[i]);
        }
    }
    ASSERT(hashtable_memory(&m->table) == 0);
}

static void run_kind(enum hashes hashes, const char *name)
{
    struct random random = seed_random(name);
    // Small: each step is checked.
    for (int round = 0; round < 5; round++) {
        struct model m = model_create(40, hashes, random);
        run(&m, 12, 150, 1);
        random = m.random;
        model_destroy(&m);
    }
    // Through growth, splits, shrinking and merging; where lookups pass all elements, fewer.
    bool is_slow = hashes == HASHES_ONE || hashes >= HASHES_EQUAL_32;
    struct model m = model_create(is_slow ? 2600 : 9000, hashes, random);
    run(&m, 12, is_slow ? 7000 : 40 * 1000, 5003);
    model_destroy(&m);
}

TEST(a_table_agrees_with_its_model)
{
    run_kind(HASHES_RANDOM, "random hashes");
}

TEST(a_table_with_equal_tags_agrees_with_its_model)
{
    run_kind(HASHES_EQUAL_TAGS, "equal tags");
}

TEST(a_table_of_sequential_hashes_agrees_with_its_model)
{
    run_kind(HASHES_SEQUENTIAL, "sequential hashes");
}

TEST(a_table_of_few_different_hashes_agrees_with_its_model)
{
    run_kind(HASHES_FEW_BITS, "few bits");
}

TEST(a_table_of_one_hash_agrees_with_its_model)
{
    run_kind(HASHES_ONE, "one hash");
}

TEST(a_table_of_clustered_hashes_agrees_with_its_model)
{
    run_kind(HASHES_CLUSTERED, "clustered hashes");
}

TEST(a_table_of_equal_prefixes_agrees_with_its_model)
{
    run_kind(HASHES_PREFIXES, "prefixes");
}

TEST(a_table_of_32_equal_bits_agrees_with_its_model)
{
    run_kind(HASHES_EQUAL_32, "32 equal bits");
}

TEST(a_table_of_48_equal_bits_agrees_with_its_model)
{
    run_kind(HASHES_EQUAL_48, "48 equal bits");
}

TEST(a_table_of_60_equal_bits_agrees_with_its_model)
{
    run_kind(HASHES_EQUAL_60, "60 equal bits");
}
