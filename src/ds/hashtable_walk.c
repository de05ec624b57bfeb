/* hashtable_walk.c - counting, scanning, picking and checking. */
#include "ds/hashtable_internal.h"

size_t hashtable_count(const struct hashtable *table)
{
    size_t count = 0;
    uint64_t position = 0;
    do {
        struct hashtable_segment segment = segment_at(table, &position);
        count += segment_count(segment) + chain_count(segment);
    } while (position != 0);
    return count;
}

size_t hashtable_memory(const struct hashtable *table)
{
    size_t bytes = 0;
    uint64_t position = 0;
    do {
        struct level levels[LEVELS_MAX];
        unsigned count = levels_of(table, position, levels);
        struct hashtable_segment segment = segment_at(table, &position);
        bytes += segment.n * sizeof(struct hashtable_bucket) + array_size(segment.n, segment.depth);
        bytes += chain_size(segment);
        while (count > 0 && level_ends(levels[--count], position)) {
            bytes += directory_size(levels[count].depth);
        }
    } while (position != 0);
    return bytes;
}

/* ---- walking ---- */

/* The smallest hash, in a segment that holds `hash`, whose home is bucket `home`. */
static uint64_t home_position(struct hashtable_segment segment, uint64_t hash, unsigned home)
{
    uint64_t tag = segment.n == 0 ? 0 : (((uint64_t)home << 16) + segment.n - 1) / segment.n;
    uint64_t prefix = segment.depth == 0 ? 0 : hash >> (64 - segment.depth) << (64 - segment.depth);
    return prefix + (tag << (48 - segment.depth));
}

struct scan {
    const struct hashtable_type *type;
    uint64_t cursor;
    hashtable_visit visit;
    void *context;
};

/* Visit a slot's element if its home is bucket `home` and its hash not before the cursor.
 * Returns whether. */
static bool scan_slot(const struct scan *scan, struct hashtable_segment segment, unsigned home,
                      uint64_t slot)
{
    void *element = hashtable_pointer(slot);
    if (slot == 0 || hashtable_home(slot >> 48, segment.n) != home ||
        (home_position(segment, scan->cursor, home) < scan->cursor &&
         scan->type->hash(element, scan->type->context) < scan->cursor)) {
        return false;
    }
    scan->visit(element, scan->context);
    return true;
}

/* Visit the elements whose home is bucket `home` and whose hash is not before the
 * cursor. Returns how many. */
static size_t scan_home(const struct scan *scan, struct hashtable_segment segment, unsigned home)
{
    size_t visited = 0;
    unsigned at = home;
    for (unsigned met = 0; met < segment.n; met++) {
        const struct hashtable_bucket *bucket = hashtable_bucket(segment, at);
        at = hashtable_next(at, segment.n);
        bucket_prefetch_elements(hashtable_bucket(segment, at));
        for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
            visited += scan_slot(scan, segment, home, hashtable_slot(bucket, i));
        }
        if (hashtable_overflow(bucket) == 0) {
            break;
        }
    }
    struct chain_walk walk = chain_begin(segment);
    for (const uint64_t *slot; (slot = chain_next(&walk)) != NULL;) {
        visited += scan_slot(scan, segment, home, *slot);
    }
    return visited;
}

// Six parameters: a visitor and its context belong together.
// NOLINTNEXTLINE(readability-function-size)
uint64_t hashtable_scan(const struct hashtable *table, const struct hashtable_type *type,
                        uint64_t cursor, size_t elements_min, hashtable_visit visit, void *context)
{
    struct scan scan = {.type = type, .cursor = cursor, .visit = visit, .context = context};
    size_t visited = 0;
    do {
        uint64_t after = scan.cursor;
        struct hashtable_segment segment = segment_at(table, &after);
        unsigned home = hashtable_home(hashtable_tag(scan.cursor, segment.depth), segment.n);
        if (segment.n > 0) {
            visited += scan_home(&scan, segment, home);
        }
        scan.cursor = home + 1 < segment.n ? home_position(segment, scan.cursor, home + 1) : after;
    } while (scan.cursor != 0 && visited < elements_min);
    return scan.cursor;
}

/* The first element from the segment that holds `hash` on, round the end; NULL when
 * the table is empty. */
static void *first_element(const struct hashtable *table, uint64_t hash)
{
    uint64_t position = hash;
    unsigned ends = 0;
    while (ends < 2) {
        struct place place = {0};
        uint64_t slot;
        if (next_slot(segment_at(table, &position), &place, &slot)) {
            return hashtable_pointer(slot);
        }
        ends += position == 0;
    }
    return NULL;
}

/* An element of a segment's chain, so often that each is as likely as one in the buckets; else
 * NULL. */
static void *random_chained(struct hashtable_segment segment, struct random *random)
{
    uint32_t chained = chain_count(segment);
    uint64_t chosen = chained == 0 ? 0 : random_below(random, chained + segment_count(segment));
    struct chain_walk walk = chain_begin(segment);
    for (const uint64_t *slot; chosen < chained && (slot = chain_next(&walk)) != NULL;) {
        if (chosen-- == 0) {
            return hashtable_pointer(*slot);
        }
    }
    return NULL;
}

void *hashtable_random(const struct hashtable *table, struct random *random)
{
    enum { TRIES = 64 }; // Each hits with 1 in 8 or better unless segments are empty.
    uint64_t hash = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        hash = random_next(random);
        struct hashtable_segment segment = hashtable_segment(table, hash);
        if (segment.n == 0) {
            continue;
        }
        void *chained = random_chained(segment, random);
        if (UNLIKELY(chained != NULL)) {
            return chained;
        }
        unsigned bucket = hashtable_home(hashtable_tag(hash, segment.depth), segment.n);
        unsigned slot = (unsigned)random_below(random, HASHTABLE_SLOTS);
        void *element = hashtable_pointer(hashtable_slot(hashtable_bucket(segment, bucket), slot));
        if (element != NULL) {
            return element;
        }
    }
    return first_element(table, hash);
}

/* ---- validation ---- */

/* What a slot must be that leads to an element of that hash, in a segment that holds
 * `position`. */
static void validate_slot(struct hashtable_segment segment, uint64_t slot, uint64_t position,
                          uint64_t hash)
{
    ASSERT(slot >> 48 == hashtable_tag(hash, segment.depth));
    ASSERT(segment.depth == 0 || (hash ^ position) >> (64 - segment.depth) == 0);
}

/* Check one element of a segment that holds `position`, and count it past the
 * buckets it went by. */
static void validate_element(struct hashtable_segment segment, struct place place,
                             uint64_t position, uint64_t hash, uint16_t *overflow)
{
    uint64_t slot = hashtable_slot(hashtable_bucket(segment, place.bucket), place.slot);
    validate_slot(segment, slot, position, hash);
    unsigned at = hashtable_home(slot >> 48, segment.n);
    for (; at != place.bucket; at = hashtable_next(at, segment.n)) {
        ASSERT(hashtable_overflow(hashtable_bucket(segment, at)) > 0); // A lookup goes on here.
        overflow[at]++;
    }
}

static void validate_chain(struct hashtable_segment segment, uint64_t position,
                           const struct hashtable_type *type)
{
    uint32_t count = 0;
    struct chain_walk walk = chain_begin(segment);
    for (const uint64_t *slot; (slot = chain_next(&walk)) != NULL; count++) {
        validate_slot(segment, *slot, position,
                      type->hash(hashtable_pointer(*slot), type->context));
    }
    ASSERT(count == chain_count(segment) && count <= CHAIN_MAX);
    ASSERT(count == 0 || segment_count(segment) == segment.n * HASHTABLE_SLOTS);
}

static void validate_segment(struct hashtable_segment segment, uint64_t position,
                             const struct hashtable_type *type)
{
    ASSERT(segment.n <= HASHTABLE_BUCKETS_MAX && segment.depth <= DEPTH_MAX);
    ASSERT(segment.n % HASHTABLE_PAGE_BUCKETS == 0);
    ASSERT((segment.n == 0) == (segment.pages == NULL));
    uint16_t overflow[HASHTABLE_BUCKETS_MAX] = {0};
    unsigned count = 0;
    for (unsigned b = 0; b < segment.n; b++) {
        ASSERT((uintptr_t)hashtable_bucket(segment, b) % sizeof(struct hashtable_bucket) == 0);
        for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
            const void *element =
                hashtable_pointer(hashtable_slot(hashtable_bucket(segment, b), i));
            ASSERT(element != NULL || hashtable_slot(hashtable_bucket(segment, b), i) == 0);
            if (element != NULL) {
                count++;
                validate_element(segment, (struct place){b, i}, position,
                                 type->hash(element, type->context), overflow);
            }
        }
    }
    ASSERT(count == segment_count(segment));
    for (unsigned b = 0; b < segment.n; b++) {
        ASSERT(overflow[b] == hashtable_overflow(hashtable_bucket(segment, b)));
    }
}

/* Each segment's word is in all its places and nowhere else; each directory below has one. */
static void validate_directory(struct level level)
{
    ASSERT(level.depth >= 1 && level.depth <= HASHTABLE_DIRECTORY_DEPTH_MAX);
    unsigned bottom = level.before + level.depth;
    ASSERT(bottom <= DEPTH_MAX);
    size_t deepest = 0;
    for (size_t i = 0; i < (size_t)1 << level.depth;) {
        uint64_t word = directory_word(level.directory, i);
        if (hashtable_is_directory(word)) {
            ASSERT(level.depth == HASHTABLE_DIRECTORY_DEPTH_MAX);
            deepest++;
            i++;
            continue;
        }
        ASSERT(hashtable_depth(word) >= level.before && hashtable_depth(word) <= bottom);
        size_t run = (size_t)1 << (bottom - hashtable_depth(word));
        ASSERT(i % run == 0);
        for (size_t end = i + run; i < end; i++) {
            ASSERT(directory_word(level.directory, i) == word);
        }
        deepest += run == 1;
    }
    ASSERT(deepest == level.directory->deepest);
}

void hashtable_validate(const struct hashtable *table, const struct hashtable_type *type)
{
    uint64_t position = 0;
    do {
        struct level levels[LEVELS_MAX];
        unsigned count = levels_of(table, position, levels);
        uint64_t inside = position;
        struct hashtable_segment segment = segment_at(table, &position);
        ASSERT(count > 0 || segment.depth == 0);
        validate_segment(segment, inside, type);
        validate_chain(segment, inside, type);
        while (count > 0 && level_ends(levels[--count], position)) {
            validate_directory(levels[count]);
        }
    } while (position != 0);
}
