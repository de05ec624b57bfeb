/* bench_zset.c - what sorted sets cost: bytes per member, nanoseconds per operation.
 *
 * bench_zset [members]: default 1,000,000, of 19 bytes each.
 */
#include "base/clock.h"
#include "base/random.h"
#include "value/zset/zset.h"
#include "value/zset/zset_large.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MEMBER_SIZE = 19, WALK_ITEMS = 1000, PACKED_MEMBERS = 100, ROUNDS = 5 };

static double sink; // Keeps results alive.

struct bench {
    struct depot *depot;
    struct pool *pool;
    struct hash_secret secret;
    struct random random;
    size_t members;
    bool fractions; // Scores that need eight bytes.
    struct zset *zset;
};

static struct bytes member_of(uint64_t id, char *name)
{
    int size = snprintf(name, MEMBER_SIZE + 1, "member:%012" PRIu64, id);
    return bytes_make(name, (size_t)size);
}

static struct bytes random_member(struct bench *b, char *name)
{
    return member_of(random_below(&b->random, b->members), name);
}

static double random_score(struct bench *b)
{
    uint64_t r = random_next(&b->random);
    return b->fractions ? (double)(r >> 11) * 0x1p-53 : (double)(r >> 40);
}

static void put(struct bench *b, struct bytes member, double score)
{
    enum zset_put done;
    if (zset_put(b->zset, b->pool, member, score, &done) < 0) {
        abort();
    }
    pool_quiesce(b->pool);
}

typedef void (*operation)(struct bench *b);

static uint64_t time_of(struct bench *b, operation run, size_t times)
{
    uint64_t start = clock_thread_cpu_ns();
    for (size_t i = 0; i < times; i++) {
        run(b);
    }
    return clock_thread_cpu_ns() - start;
}

/* What making a member and a score takes. */
static void run_nothing(struct bench *b)
{
    char name[MEMBER_SIZE + 1];
    sink += (double)random_member(b, name).size + random_score(b);
}

/* Nanoseconds per operation in the best of some rounds, less those of run_nothing. */
static void measure(struct bench *b, const char *name, operation run, size_t times)
{
    size_t rounded = times / ROUNDS;
    uint64_t best = UINT64_MAX;
    uint64_t idle = UINT64_MAX;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t spent = time_of(b, run, rounded);
        uint64_t nothing = time_of(b, run_nothing, rounded);
        best = spent < best ? spent : best;
        idle = nothing < idle ? nothing : idle;
    }
    double per_operation = (double)(best - (best > idle ? idle : 0)) / (double)rounded;
    printf("  %-44s %9.0f ns\n", name, per_operation);
}

static void run_move(struct bench *b)
{
    char name[MEMBER_SIZE + 1];
    put(b, random_member(b, name), random_score(b));
}

static void run_score(struct bench *b)
{
    char name[MEMBER_SIZE + 1];
    double score = 0;
    zset_score(b->zset, random_member(b, name), &score);
    sink += score;
}

static void run_rank(struct bench *b)
{
    char name[MEMBER_SIZE + 1];
    size_t rank = 0;
    double score;
    zset_rank(b->zset, random_member(b, name), &rank, &score);
    sink += (double)rank;
}

static void walk(struct bench *b, size_t rank, size_t count)
{
    struct zset_walk walk;
    struct zset_item item;
    zset_walk_begin(&walk, b->zset, rank, count, false);
    while (zset_walk_next(&walk, &item)) {
        sink += item.score + (double)item.member.data[item.member.size - 1];
    }
}

static void run_range_by_score(struct bench *b)
{
    struct zset_score_range range = {.min = random_score(b), .max = 1e300};
    struct zset_ranks ranks = zset_ranks_by_score(b->zset, &range);
    walk(b, ranks.begin, 10);
}

static void run_walk(struct bench *b)
{
    walk(b, random_below(&b->random, b->members), WALK_ITEMS);
}

static void run_remove_and_add(struct bench *b)
{
    char name[MEMBER_SIZE + 1];
    struct bytes member = random_member(b, name);
    zset_remove(b->zset, b->pool, member);
    put(b, member, random_score(b));
}

static void report_memory(struct bench *b, const char *when)
{
    uint64_t usage[MEMORY_TAGS];
    pool_quiesce(b->pool);
    pool_quiesce(b->pool);
    depot_usage(b->depot, usage);
    double members = (double)zset_count(b->zset);
    printf("  %-44s %9.1f B per member", when,
           (double)(usage[MEMORY_ZSET] + usage[MEMORY_TABLE]) / members);
    if (usage[MEMORY_TABLE] > 0) {
        // What is neither elements nor table is nodes of the tree, within a page.
        double element =
            (double)element_block_size(MEMBER_SIZE, element_form_of(b->fractions ? 0.1 : 1));
        double tree = (double)usage[MEMORY_ZSET] / members - element;
        double fill = sizeof(struct avl_node) / tree / AVL_NODE_SLOTS;
        printf(": element %.0f, table %.1f, tree %.1f (nodes %.0f %% full)", element,
               (double)usage[MEMORY_TABLE] / members, tree, fill * 100);
    }
    printf("; mapped %.1f\n", (double)depot_mapped_bytes(b->depot) / members);
}

static bool open_pool(struct bench *b)
{
    b->depot = depot_create();
    b->pool = b->depot == NULL ? NULL : pool_create(b->depot);
    return b->pool != NULL;
}

static void close_pool(struct bench *b)
{
    pool_destroy(b->pool);
    depot_destroy(b->depot);
}

static void bench_large(struct bench *b)
{
    printf("%zu members of %d bytes, scores %s\n", b->members, MEMBER_SIZE,
           b->fractions ? "with fractions" : "whole");
    b->zset = zset_create(b->pool, &b->secret);
    uint64_t start = clock_thread_cpu_ns();
    for (size_t i = 0; i < b->members; i++) {
        char name[MEMBER_SIZE + 1];
        put(b, member_of(i, name), random_score(b));
    }
    printf("  %-44s %9.0f ns\n", "add, members counted up",
           (double)(clock_thread_cpu_ns() - start) / (double)b->members);
    report_memory(b, "after adding");
    measure(b, "score of a random member", run_score, b->members);
    measure(b, "move a random member (ZADD)", run_move, 2 * b->members);
    report_memory(b, "after moving twice as many");
    measure(b, "rank of a random member (ZRANK)", run_rank, b->members);
    measure(b, "10 items from a score (ZRANGEBYSCORE)", run_range_by_score, b->members);
    measure(b, "1,000 items from a rank (ZRANGE)", run_walk, b->members / 500);
    measure(b, "remove a random member and add it again", run_remove_and_add, b->members);
    report_memory(b, "after that");
    start = clock_thread_cpu_ns();
    zset_remove_ranks(b->zset, b->pool, (struct zset_ranks){b->members / 4, b->members * 3 / 4});
    printf("  %-44s %9.0f ns\n", "remove half of the ranks, per member",
           (double)(clock_thread_cpu_ns() - start) / ((double)b->members / 2));
    report_memory(b, "after that");
    size_t left = zset_count(b->zset);
    start = clock_thread_cpu_ns();
    zset_destroy(b->zset, b->pool);
    printf("  %-44s %9.0f ns\n", "destroy, per member",
           (double)(clock_thread_cpu_ns() - start) / (double)left);
}

static void bench_packed(struct bench *b)
{
    size_t members = b->members;
    b->members = PACKED_MEMBERS;
    b->zset = zset_create(b->pool, &b->secret);
    for (size_t i = 0; i < b->members; i++) {
        char name[MEMBER_SIZE + 1];
        put(b, member_of(i, name), random_score(b));
    }
    printf("%d members of %d bytes, packed\n", PACKED_MEMBERS, MEMBER_SIZE);
    report_memory(b, "after adding");
    measure(b, "score of a random member", run_score, members);
    measure(b, "move a random member (ZADD)", run_move, members);
    measure(b, "rank of a random member (ZRANK)", run_rank, members);
    measure(b, "10 items from a score (ZRANGEBYSCORE)", run_range_by_score, members);
    zset_destroy(b->zset, b->pool);
    b->members = members;
}

int main(int argc, char **argv)
{
    struct bench b = {.random = {3}};
    hash_secret_init(&b.secret, (uint64_t[HASH_SEED_WORDS]){1, 2});
    b.members = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    b.members = b.members < PACKED_MEMBERS ? PACKED_MEMBERS : b.members;
    static const operation phases[] = {bench_packed, bench_large, bench_large};
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        // A depot for each, so that what one leaves behind is not counted as the next one's.
        if (!open_pool(&b)) {
            return EXIT_FAILURE;
        }
        b.fractions = i == 2;
        phases[i](&b);
        close_pool(&b);
    }
    return sink != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
