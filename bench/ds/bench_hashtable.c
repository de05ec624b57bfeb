/* bench_hashtable.c - what a lookup, an insertion and an element's place cost.
 *
 *   bench_hashtable [elements in millions, default 1]
 *
 * In one table and spread over 16,384, as the keyspace does; elements of 88 bytes
 * from the pool, keys in random order. Nanoseconds of thread CPU time.
 */
#include "base/clock.h"
#include "base/pool.h"
#include "base/random.h"
#include "ds/hashtable.h"

#include <stdio.h>
#include <stdlib.h>

enum { ELEMENT_SIZE = 88, BATCH = 16, TABLES_MAX = 16384, LOOKUPS = 4 * 1000 * 1000 };

struct element {
    uint64_t key;
};

struct bench {
    struct pool *pool;
    struct hashtable *tables;
    unsigned table_bits;
    uint64_t elements;
    struct random random;
    struct hashtable_type type;
};

/* Where a key belongs: in which table, under which hash there. */
struct home {
    uint64_t key;
    struct hashtable *table;
    uint64_t hash;
    uint64_t place;
    bool goes_on;
};

static uint64_t mix(uint64_t key)
{
    return random_next(&(struct random){key});
}

static uint64_t element_hash(const void *element, const void *context)
{
    return mix(((const struct element *)element)->key) << *(const unsigned *)context;
}

static bool has_key(const void *element, const void *sought)
{
    return ((const struct element *)element)->key == *(const uint64_t *)sought;
}

static struct home home_of(const struct bench *bench, uint64_t key)
{
    uint64_t hash = mix(key);
    uint64_t table = bench->table_bits == 0 ? 0 : hash >> (64 - bench->table_bits);
    return (struct home){
        .key = key, .table = &bench->tables[table], .hash = hash << bench->table_bits};
}

static void insert(struct bench *bench, uint64_t key)
{
    struct home home = home_of(bench, key);
    struct element *element = pool_alloc(bench->pool, MEMORY_ENTRY, ELEMENT_SIZE);
    if (element == NULL) {
        abort();
    }
    element->key = key;
    if (hashtable_insert(home.table, bench->pool, &bench->type, home.hash, element) < 0) {
        abort();
    }
    pool_quiesce(bench->pool);
}

/* Look up keys from `first` on: found ones below bench->elements. Returns ns for each. */
static double find_singly(struct bench *bench, uint64_t first, uint64_t *found_out)
{
    uint64_t start = clock_thread_cpu_ns();
    for (int i = 0; i < LOOKUPS; i++) {
        struct home home = home_of(bench, first + random_below(&bench->random, bench->elements));
        *found_out += hashtable_find(home.table, home.hash, has_key, &home.key) != NULL;
    }
    return (double)(clock_thread_cpu_ns() - start) / LOOKUPS;
}

static double find_in_batches(struct bench *bench, uint64_t first, uint64_t *found_out)
{
    uint64_t start = clock_thread_cpu_ns();
    for (int i = 0; i < LOOKUPS / BATCH; i++) {
        struct home homes[BATCH];
        for (int j = 0; j < BATCH; j++) {
            homes[j] = home_of(bench, first + random_below(&bench->random, bench->elements));
            hashtable_prefetch_pages(homes[j].table, homes[j].hash);
        }
        for (int j = 0; j < BATCH; j++) {
            homes[j].place = hashtable_prefetch_bucket(homes[j].table, homes[j].hash);
        }
        for (int j = 0; j < BATCH; j++) {
            homes[j].goes_on =
                hashtable_prefetch_elements(homes[j].table, homes[j].hash, homes[j].place);
        }
        for (int j = 0; j < BATCH; j++) {
            if (homes[j].goes_on) {
                hashtable_prefetch_overflow(homes[j].table, homes[j].hash);
            }
        }
        for (int j = 0; j < BATCH; j++) {
            *found_out +=
                hashtable_find(homes[j].table, homes[j].hash, has_key, &homes[j].key) != NULL;
        }
    }
    return (double)(clock_thread_cpu_ns() - start) / LOOKUPS;
}

static double bytes_per_element(const struct bench *bench, uint64_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < (size_t)1 << bench->table_bits; i++) {
        bytes += hashtable_memory(&bench->tables[i]);
    }
    return (double)bytes / (double)count;
}

/* Insert up to `end` elements. */
static void fill_to(struct bench *bench, uint64_t *key, uint64_t end)
{
    while (*key < end) {
        insert(bench, (*key)++);
    }
}

/* The longest of the next insertions up to `end` elements. */
static double longest_insert_ms(struct bench *bench, uint64_t *key, uint64_t end)
{
    uint64_t longest = 0;
    while (*key < end) {
        uint64_t start = clock_thread_cpu_ns();
        insert(bench, (*key)++);
        uint64_t spent = clock_thread_cpu_ns() - start;
        longest = spent > longest ? spent : longest;
    }
    return (double)longest / 1e6;
}

/* Insert all, and take the mean of the tables' bytes between half and the whole. */
static void fill(struct bench *bench)
{
    enum { SAMPLES = 32 };
    uint64_t key = 0;
    uint64_t half = bench->elements / 2;
    uint64_t start = clock_thread_cpu_ns();
    fill_to(bench, &key, half);
    double each_ns = (double)(clock_thread_cpu_ns() - start) / (double)half;
    double bytes = bytes_per_element(bench, half) / SAMPLES;
    double longest_ms = 0;
    for (uint64_t sample = 1; sample < SAMPLES; sample++) {
        double ms = longest_insert_ms(bench, &key, half + half * sample / (SAMPLES - 1));
        longest_ms = ms > longest_ms ? ms : longest_ms;
        bytes += bytes_per_element(bench, key) / SAMPLES;
    }
    fill_to(bench, &key, bench->elements);
    printf("  insert %6.1f ns, longest %.3f ms\n", each_ns, longest_ms);
    printf("  bytes of table per element, mean from half to full: %.2f\n", bytes);
}

static void churn(struct bench *bench)
{
    enum { TURNS = 1000 * 1000 };
    uint64_t start = clock_thread_cpu_ns();
    for (int i = 0; i < TURNS; i++) {
        uint64_t key = random_below(&bench->random, bench->elements);
        struct home home = home_of(bench, key);
        struct element *element = hashtable_find(home.table, home.hash, has_key, &key);
        hashtable_remove(home.table, bench->pool, home.hash, element);
        pool_free(bench->pool, MEMORY_ENTRY, element, ELEMENT_SIZE);
        insert(bench, key);
    }
    printf("  remove and insert again %6.1f ns\n", (double)(clock_thread_cpu_ns() - start) / TURNS);
}

static void free_element(void *element, void *context)
{
    pool_free(context, MEMORY_ENTRY, element, ELEMENT_SIZE);
}

static void run(unsigned table_bits, uint64_t elements)
{
    struct depot *depot = depot_create();
    struct bench bench = {.pool = pool_create(depot),
                          .tables = calloc(TABLES_MAX, sizeof(struct hashtable)),
                          .table_bits = table_bits,
                          .elements = elements,
                          .random = {1}};
    bench.type = (struct hashtable_type){.hash = element_hash, .context = &bench.table_bits};
    if (bench.pool == NULL || bench.tables == NULL) {
        abort();
    }
    printf("%.1f M elements in %u tables\n", (double)elements / 1e6, 1U << table_bits);
    fill(&bench);
    uint64_t found = 0;
    for (int turn = 0; turn < 2; turn++) {
        printf("  find, one by one %6.1f ns;", find_singly(&bench, 0, &found));
        printf(" in batches of %d %6.1f ns\n", BATCH, find_in_batches(&bench, 0, &found));
    }
    if (found != 4 * (uint64_t)LOOKUPS) {
        abort();
    }
    printf("  find what is not there %6.1f ns;", find_singly(&bench, elements, &found));
    printf(" in batches %6.1f ns\n", find_in_batches(&bench, elements, &found));
    churn(&bench);
    printf("  after that, in batches %6.1f ns\n", find_in_batches(&bench, 0, &found));
    for (size_t i = 0; i < (size_t)1 << table_bits; i++) {
        hashtable_drain(&bench.tables[i], bench.pool, free_element, bench.pool);
    }
    free(bench.tables);
    pool_destroy(bench.pool);
    depot_destroy(depot);
}

int main(int argc, char **argv)
{
    double millions = argc > 1 ? strtod(argv[1], NULL) : 1;
    run(14, (uint64_t)(millions * 1e6));
    run(0, (uint64_t)(millions * 1e6));
    return 0;
}
