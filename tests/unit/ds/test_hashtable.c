#include "ds/hashtable.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

enum { MANY = 200 * 1000, FEW = MANY / 10 };

struct element {
    uint64_t hash;
    uint32_t visits;
};

static uint64_t element_hash(const void *element, const void *context)
{
    if (context != NULL) {
        // How often a table asked. NOLINTNEXTLINE(performance-no-int-to-ptr): without its const.
        ++*(uint64_t *)(uintptr_t)context;
    }
    return ((const struct element *)element)->hash;
}

static bool is_same(const void *element, const void *sought)
{
    return element == sought;
}

static const struct hashtable_type type = {.hash = element_hash};

/* A table with memory of its own, and elements to put in. */
struct fixture {
    struct depot *depot;
    struct pool *pool;
    struct hashtable table;
    struct element *elements;
    size_t size;
};

static struct fixture setup(size_t elements)
{
    struct fixture f = {.depot = depot_create(), .size = elements};
    f.pool = pool_create(f.depot);
    hashtable_init(&f.table);
    f.elements = calloc(elements, sizeof *f.elements);
    ck_assert_ptr_nonnull(f.elements);
    struct random random = {elements};
    for (size_t i = 0; i < elements; i++) {
        f.elements[i].hash = random_next(&random);
    }
    return f;
}

static void insert(struct fixture *f, struct element *element)
{
    int error = hashtable_insert(&f->table, f->pool, &type, element->hash, element);
    ASSERT(error == 0); // Not ck_assert, which writes to a pipe each time.
}

static void insert_all(struct fixture *f)
{
    for (size_t i = 0; i < f->size; i++) {
        insert(f, &f->elements[i]);
        pool_quiesce(f->pool);
    }
}

static void remove_range(struct fixture *f, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        hashtable_remove(&f->table, f->pool, f->elements[i].hash, &f->elements[i]);
        pool_quiesce(f->pool);
    }
}

static void *find(const struct fixture *f, const struct element *element)
{
    hashtable_prefetch_pages(&f->table, element->hash);
    uint64_t place = hashtable_prefetch_bucket(&f->table, element->hash);
    if (hashtable_prefetch_elements(&f->table, element->hash, place)) {
        hashtable_prefetch_overflow(&f->table, element->hash);
    }
    return hashtable_find(&f->table, element->hash, is_same, element);
}

static uint64_t live_bytes(struct fixture *f)
{
    uint64_t bytes[MEMORY_TAGS];
    pool_quiesce(f->pool);
    depot_usage(f->depot, bytes);
    return bytes[MEMORY_TABLE];
}

static void teardown(struct fixture *f)
{
    hashtable_validate(&f->table, &type);
    hashtable_deinit(&f->table, f->pool);
    ck_assert_uint_eq(live_bytes(f), 0);
    pool_destroy(f->pool);
    depot_destroy(f->depot);
    free(f->elements);
}

TEST(an_empty_table_finds_nothing_and_takes_no_memory)
{
    struct fixture f = setup(1);
    ck_assert_ptr_null(find(&f, &f.elements[0]));
    ck_assert_uint_eq(hashtable_count(&f.table), 0);
    ck_assert_uint_eq(hashtable_memory(&f.table), 0);
    ck_assert_uint_eq(live_bytes(&f), 0);
    teardown(&f);
}

TEST(a_word_reads_as_the_header_says)
{
    struct hashtable table = {.root = UINT64_C(0x040a7f0011223340)};
    struct hashtable_segment segment = hashtable_segment(&table, 0);
    ck_assert_uint_eq(segment.n, 10);
    ck_assert_uint_eq(segment.depth, 2);
    ck_assert_uint_eq((uintptr_t)segment.pages, UINT64_C(0x7f0011223340));
}

TEST(a_free_slot_never_hits)
{
    struct hashtable_bucket bucket = {0};
    ck_assert_uint_eq(hashtable_hits(&bucket, 0), 0);
    ck_assert_uint_eq(hashtable_hits(&bucket, 0xffff), 0);
    bucket.slots[2] = UINT64_C(0x0000ffffffffffff);
    bucket.slots[5] = UINT64_C(0x0000000000000001);
    bucket.slots[6] = UINT64_C(0xffff000000000008);
    ck_assert_uint_eq(hashtable_hits(&bucket, 0), 1U << 2 | 1U << 5);
    ck_assert_uint_eq(hashtable_hits(&bucket, 0xffff), 1U << 6);
    ck_assert_uint_eq(hashtable_hits(&bucket, 1), 0);
}

TEST(what_was_inserted_is_found_and_nothing_else)
{
    struct fixture f = setup(100);
    for (size_t i = 0; i < 50; i++) {
        insert(&f, &f.elements[i]);
        hashtable_validate(&f.table, &type);
        ck_assert_uint_eq(hashtable_count(&f.table), i + 1);
    }
    for (size_t i = 0; i < 100; i++) {
        ck_assert_ptr_eq(find(&f, &f.elements[i]), i < 50 ? &f.elements[i] : NULL);
    }
    teardown(&f);
}

TEST(replace_puts_another_element_in_the_same_place)
{
    struct fixture f = setup(2);
    f.elements[1].hash = f.elements[0].hash;
    insert(&f, &f.elements[0]);
    hashtable_replace(&f.table, f.elements[0].hash, &f.elements[0], &f.elements[1]);
    ck_assert_ptr_null(find(&f, &f.elements[0]));
    ck_assert_ptr_eq(find(&f, &f.elements[1]), &f.elements[1]);
    ck_assert_uint_eq(hashtable_count(&f.table), 1);
    teardown(&f);
}

TEST(a_table_grows_through_splits_and_gives_all_memory_back)
{
    struct fixture f = setup(MANY);
    insert_all(&f);
    hashtable_validate(&f.table, &type);
    ck_assert_uint_eq(hashtable_count(&f.table), MANY);
    ck_assert(hashtable_is_directory(f.table.root));
    for (size_t i = 0; i < MANY; i++) {
        ASSERT(find(&f, &f.elements[i]) == &f.elements[i]);
    }
    remove_range(&f, 0, MANY - FEW);
    hashtable_validate(&f.table, &type);
    ck_assert_uint_le(hashtable_memory(&f.table), FEW * UINT64_C(20));
    remove_range(&f, MANY - FEW, MANY);
    ck_assert_uint_eq(hashtable_memory(&f.table), 0);
    ck_assert_uint_eq(live_bytes(&f), 0);
    teardown(&f);
}

TEST(tables_of_any_size_take_about_eleven_bytes_an_element)
{
    struct fixture f = setup(MANY);
    size_t bytes = 0;
    size_t elements = 0;
    for (size_t i = 0; i < MANY; i++) {
        insert(&f, &f.elements[i]);
        pool_quiesce(f.pool);
        if (i % 100 == 99) {
            bytes += hashtable_memory(&f.table);
            elements += i + 1;
        }
    }
    ck_assert_uint_le(bytes, elements * 12);
    ck_assert_uint_ge(live_bytes(&f), hashtable_memory(&f.table));
    ck_assert_uint_le(live_bytes(&f), hashtable_memory(&f.table) + hashtable_memory(&f.table) / 50);
    teardown(&f);
}

TEST(a_segment_grows_around_its_pages)
{
    struct fixture f = setup(1000);
    insert(&f, &f.elements[0]);
    const struct hashtable_bucket *first = hashtable_bucket(hashtable_segment(&f.table, 0), 0);
    for (size_t i = 1; i < f.size; i++) {
        insert(&f, &f.elements[i]);
    }
    ck_assert_ptr_eq(hashtable_bucket(hashtable_segment(&f.table, 0), 0), first);
    ck_assert_uint_ge(hashtable_segment(&f.table, 0).n, 1000 / HASHTABLE_SLOTS);
    remove_range(&f, 0, 990);
    ck_assert_ptr_eq(hashtable_bucket(hashtable_segment(&f.table, 0), 0), first);
    ck_assert_uint_le(hashtable_segment(&f.table, 0).n, 4);
    teardown(&f);
}

TEST(equal_hashes_fill_a_segment_and_then_a_chain_and_then_no_more)
{
    enum { IN_SEGMENT = HASHTABLE_BUCKETS_MAX * HASHTABLE_SLOTS, ROOM = IN_SEGMENT + 65535 };
    struct fixture f = setup((size_t)ROOM + 1);
    for (size_t i = 0; i <= ROOM; i++) {
        f.elements[i].hash = UINT64_C(0xfedcba9876543210);
        int error = hashtable_insert(&f.table, f.pool, &type, f.elements[i].hash, &f.elements[i]);
        ASSERT(error == (i < ROOM ? 0 : -ENOMEM));
        if (i < IN_SEGMENT ? i % 64 == 0 : i % 4099 == 0) {
            hashtable_validate(&f.table, &type);
        }
    }
    ck_assert_uint_eq(hashtable_count(&f.table), ROOM);
    ck_assert_uint_le(hashtable_memory(&f.table), ROOM * UINT64_C(11));
    for (size_t i = 0; i <= ROOM; i += 1021) {
        ck_assert_ptr_eq(find(&f, &f.elements[i]), i < ROOM ? &f.elements[i] : NULL);
    }
    remove_range(&f, 3000, ROOM);
    hashtable_validate(&f.table, &type);
    remove_range(&f, 0, 3000);
    ck_assert_uint_eq(hashtable_memory(&f.table), 0);
    teardown(&f);
}

TEST(hashes_that_share_a_long_prefix_split_until_they_part)
{
    struct fixture f = setup(4000);
    for (size_t i = 0; i < f.size; i++) {
        f.elements[i].hash = f.elements[i].hash >> 12 | UINT64_C(0xabc) << 52;
    }
    insert_all(&f);
    ck_assert_uint_eq(hashtable_count(&f.table), 4000);
    for (size_t i = 0; i < f.size; i++) {
        ASSERT(find(&f, &f.elements[i]) == &f.elements[i]);
    }
    hashtable_validate(&f.table, &type);
    remove_range(&f, 0, f.size);
    ck_assert_uint_eq(hashtable_memory(&f.table), 0);
    teardown(&f);
}

/* Insert all, each with a look at how many elements' hashes were asked for, and take them out
 * again. Memory stays below `bytes_max` an element from a full segment on. */
static void check_bounds(struct fixture *f, size_t bytes_max, uint64_t *skewed_out)
{
    uint64_t asked = 0;
    _Atomic uint64_t skewed = 0;
    const struct hashtable_type watched = {
        .hash = element_hash, .context = &asked, .skewed_splits = &skewed};
    for (size_t i = 0; i < f->size; i++) {
        struct element *element = &f->elements[i];
        uint64_t before = asked;
        ASSERT(hashtable_insert(&f->table, f->pool, &watched, element->hash, element) == 0);
        ASSERT(asked - before <= (uint64_t)HASHTABLE_BUCKETS_MAX * HASHTABLE_SLOTS);
        pool_quiesce(f->pool);
        if (i > 1000 && i % 500 == 0) {
            ASSERT(hashtable_memory(&f->table) <= i * bytes_max);
        }
    }
    *skewed_out = skewed;
    hashtable_validate(&f->table, &type);
    ck_assert_uint_le(live_bytes(f), f->size * bytes_max);
    for (size_t i = 0; i < f->size; i += 7) {
        ASSERT(find(f, &f->elements[i]) == &f->elements[i]);
    }
    for (size_t i = 0; i < f->size; i++) {
        remove_range(f, i, i + 1);
        if (f->size - i > 1000 && i % 500 == 0) {
            ASSERT(hashtable_memory(&f->table) <= (f->size - i) * bytes_max);
        }
    }
    ck_assert_uint_eq(live_bytes(f), 0);
}

TEST(memory_and_work_are_bounded_by_what_is_held_whatever_the_hashes_are)
{
    enum { CHOSEN = 36 * 1000 };
    static const unsigned equal_bits[] = {9, 16, 23, 30, 48, 60};
    for (size_t i = 0; i < sizeof equal_bits / sizeof equal_bits[0]; i++) {
        struct fixture f = setup(CHOSEN);
        for (size_t j = 0; j < f.size; j++) {
            f.elements[j].hash = f.elements[j].hash >> equal_bits[i] | UINT64_C(5) << 61;
        }
        uint64_t skewed;
        check_bounds(&f, 24, &skewed);
        ck_assert_uint_ge(skewed, (equal_bits[i] < 32 ? equal_bits[i] : 32) - 3);
        teardown(&f);
    }
}

TEST(good_hashes_never_split_askew)
{
    struct fixture f = setup(MANY);
    uint64_t skewed;
    check_bounds(&f, 24, &skewed);
    ck_assert_uint_eq(skewed, 0);
    teardown(&f);
}

TEST(what_is_left_of_a_large_table_keeps_no_large_directory)
{
    struct fixture f = setup(MANY);
    insert_all(&f);
    // All go but those of the deepest segment, of which some have the longest way to it.
    size_t left = 0;
    for (size_t i = 0; i < MANY; i++) {
        if (f.elements[i].hash >> 56 == 0) {
            left++;
        } else {
            remove_range(&f, i, i + 1);
        }
    }
    ck_assert_uint_ge(left, 500);
    ck_assert_uint_le(hashtable_memory(&f.table), left * 24);
    hashtable_validate(&f.table, &type);
    for (size_t i = 0; i < MANY; i++) {
        if (f.elements[i].hash >> 56 == 0) {
            remove_range(&f, i, i + 1);
        }
    }
    teardown(&f);
}

/* How many buckets the elements of a one-segment table went past, all told. */
static unsigned overflows(const struct hashtable *table)
{
    struct hashtable_segment segment = hashtable_segment(table, 0);
    unsigned passed = 0;
    for (unsigned b = 0; b < segment.n; b++) {
        passed += hashtable_overflow(hashtable_bucket(segment, b));
    }
    return passed;
}

TEST(lookups_stay_short_while_elements_come_and_go)
{
    enum { LIVE = 1200, TURNS = 100 * 1000 };
    struct fixture f = setup(LIVE);
    insert_all(&f);
    struct random random = {7};
    for (int turn = 0; turn < TURNS; turn++) {
        struct element *element = &f.elements[random_below(&random, LIVE)];
        hashtable_remove(&f.table, f.pool, element->hash, element);
        element->hash = random_next(&random);
        insert(&f, element);
        pool_quiesce(f.pool);
    }
    unsigned churned = overflows(&f.table);
    remove_range(&f, 0, LIVE);
    insert_all(&f);
    ck_assert_uint_le(churned, overflows(&f.table) * 3 / 2 + 20);
    teardown(&f);
}

/* ---- scan ---- */

struct visitor {
    uint64_t from; // No element may have a hash before it,
    uint64_t last; // nor, on return, at or after the next cursor.
    size_t visits;
};

static void visit(void *element, void *context)
{
    struct visitor *visitor = context;
    struct element *e = element;
    ASSERT(e->hash >= visitor->from);
    visitor->last = e->hash > visitor->last ? e->hash : visitor->last;
    visitor->visits++;
    e->visits++;
}

static void check_scan(struct fixture *f, size_t elements_min)
{
    for (size_t i = 0; i < f->size; i++) {
        f->elements[i].visits = 0;
    }
    uint64_t cursor = 0;
    do {
        struct visitor visitor = {.from = cursor};
        uint64_t next = hashtable_scan(&f->table, &type, cursor, elements_min, visit, &visitor);
        ASSERT((next & 0xffff) == 0);
        ASSERT(next == 0 || (next > cursor && visitor.last < next));
        ASSERT(next == 0 || visitor.visits >= elements_min);
        cursor = next;
    } while (cursor != 0);
    for (size_t i = 0; i < f->size; i++) {
        ASSERT(f->elements[i].visits == 1);
    }
}

TEST(scan_visits_all_once_in_hash_order)
{
    size_t sizes[] = {1, 7, 8, 100, 1700, 30000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct fixture f = setup(sizes[i]);
        insert_all(&f);
        check_scan(&f, 0);
        check_scan(&f, 1);
        check_scan(&f, 10);
        check_scan(&f, SIZE_MAX);
        teardown(&f);
    }
}

TEST(scan_of_an_empty_table_ends_at_once)
{
    struct fixture f = setup(1);
    struct visitor visitor = {0};
    ck_assert_uint_eq(hashtable_scan(&f.table, &type, 0, 10, visit, &visitor), 0);
    ck_assert_uint_eq(visitor.visits, 0);
    teardown(&f);
}

static void count_visit(void *element, void *context)
{
    (void)context;
    ((struct element *)element)->visits++;
}

TEST(drain_visits_all_once_and_empties_the_table)
{
    struct fixture f = setup(5000);
    insert_all(&f);
    hashtable_drain(&f.table, f.pool, count_visit, NULL);
    ck_assert_uint_eq(hashtable_count(&f.table), 0);
    ck_assert_uint_eq(live_bytes(&f), 0);
    for (size_t i = 0; i < f.size; i++) {
        ASSERT(f.elements[i].visits == 1);
    }
    teardown(&f);
}

TEST(scan_starts_anywhere)
{
    struct fixture f = setup(5000);
    insert_all(&f);
    struct random random = {3};
    for (int turn = 0; turn < 100; turn++) {
        struct visitor visitor = {.from = random_next(&random) & ~UINT64_C(0xffff)};
        size_t after = 0;
        for (size_t i = 0; i < f.size; i++) {
            after += f.elements[i].hash >= visitor.from;
        }
        uint64_t next = hashtable_scan(&f.table, &type, visitor.from, SIZE_MAX, visit, &visitor);
        ck_assert_uint_eq(next, 0);
        ck_assert_uint_eq(visitor.visits, after);
    }
    teardown(&f);
}

/* ---- random ---- */

TEST(random_picks_every_element_about_as_often)
{
    size_t sizes[] = {1, 3, 50, 4000};
    struct random random = {11};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct fixture f = setup(sizes[s]);
        ck_assert_ptr_null(hashtable_random(&f.table, &random));
        insert_all(&f);
        for (size_t i = 0; i < f.size * 100; i++) {
            struct element *element = hashtable_random(&f.table, &random);
            ASSERT(element != NULL);
            element->visits++;
        }
        for (size_t i = 0; i < f.size; i++) {
            ck_assert_uint_ge(f.elements[i].visits, 30);
            ck_assert_uint_le(f.elements[i].visits, 250);
        }
        teardown(&f);
    }
}
