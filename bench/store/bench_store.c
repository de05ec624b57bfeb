/* bench_store.c - the store driven directly, without a network.
 *
 *   bench_store scale   --keys N [--seconds S]   1, 2 and 8 threads in turns: lookups and
 *                                                overwrites in batches of 16
 *   bench_store growth  --keys N                 longest single insert (its CPU time at most), also
 *                                                as long in each of three equal runs; longest
 *                                                touch of memory without the store, for as
 *                                                long, which is the machine's part; longest
 *                                                wait for memory, which is no part of it; peak
 *                                                memory against final
 *   bench_store memory, memory-ttl               RSS per key, without and with TTL, 1 M keys
 *   bench_store rewrite                          RSS against live bytes after 20 rewrites
 *
 * Prints one "name value" pair per line. The shards' locks are tried and, when busy, the
 * request is parked and done again when woken, exactly as the server does it.
 */
#include "base/clock.h"
#include "base/random.h"
#include "store/keyspace.h"
#include "store/prefetch.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 16, KEY_SIZE = 16, VALUE_SIZE = 64, TURNS = 7, THREADS_MAX = 8 };

static struct keyspace *make_keyspace(unsigned threads)
{
    struct keyspace_options options = {.databases = 1, .threads = threads + 1, .tenders = 1};
    uint64_t seed[HASH_SEED_WORDS];
    ASSERT(random_fill(seed, sizeof(seed)) == 0);
    hash_secret_init(&options.secret, seed);
    struct keyspace *keyspace = keyspace_create(&options);
    ASSERT(keyspace != NULL);
    return keyspace;
}

static void write_key(uint64_t number, char key[KEY_SIZE])
{
    for (int i = 0; i < 4; i++) {
        key[i] = "key:"[i];
    }
    for (int i = KEY_SIZE - 1; i >= 4; i--, number /= 10) {
        key[i] = (char)('0' + number % 10);
    }
}

static uint64_t resident_bytes(void)
{
    char line[128] = "";
    FILE *statm = fopen("/proc/self/statm", "re");
    ASSERT(statm != NULL && fgets(line, sizeof(line), statm) != NULL);
    (void)fclose(statm);
    const char *resident = strchr(line, ' '); // "size resident ...", in pages.
    uint64_t pages = resident == NULL ? 0 : strtoull(resident, NULL, 10);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void set_key(struct keyspace *keyspace, struct store_thread *thread, uint64_t number,
                    struct bytes value, uint64_t deadline_ms)
{
    char name[KEY_SIZE];
    write_key(number, name);
    struct key key = keyspace_key(keyspace, bytes_make(name, KEY_SIZE));
    uint32_t shard = keyspace_shard(keyspace, key.hash);
    struct access access = {0};
    struct put_options options = {.deadline_ms = deadline_ms};
    access_open(&access, keyspace, thread, 0, 1);
    ASSERT(access_ensure_database(&access) == 0);
    access_lock_wait(&access, shard);
    ASSERT(keyspace_put_string(&access, &key, value, &options) == 0);
    access_unlock(&access, &shard, 1);
}

static void populate(struct keyspace *keyspace, struct store_thread *thread, uint64_t keys,
                     uint64_t deadline_ms)
{
    char value[VALUE_SIZE];
    memset(value, 'v', sizeof(value));
    for (uint64_t i = 0; i < keys; i++) {
        set_key(keyspace, thread, i, bytes_make(value, VALUE_SIZE), deadline_ms);
        if (i % 64 == 0) {
            pool_quiesce(thread->pool);
        }
    }
    pool_quiesce(thread->pool);
}

// ---- scale ----

struct request {
    struct waiter waiter;
    struct runner *runner;
    struct request *next_free;
    char name[KEY_SIZE];
    struct key key;
    uint32_t shard;
};

struct runner {
    struct keyspace *keyspace;
    struct store_thread *thread;
    uint64_t keys;
    bool writes;
    _Atomic bool *stops;
    _Atomic(struct waiter *) woken;
    uint64_t done, parked;
    uint64_t sum; // Of the bytes read, so that they are.
    struct random random;
    pthread_t id;
} __attribute__((aligned(128))); // No two threads write one cache line.

static void wake(struct waiter *waiter)
{
    struct runner *runner = ((struct request *)waiter)->runner;
    struct waiter *top = atomic_load(&runner->woken);
    do {
        waiter->next = top;
    } while (!atomic_compare_exchange_weak(&runner->woken, &top, waiter));
}

static void prepare(struct runner *runner, struct request *request)
{
    write_key(random_below(&runner->random, runner->keys), request->name);
    request->key = keyspace_key(runner->keyspace, bytes_make(request->name, KEY_SIZE));
    request->shard = keyspace_shard(runner->keyspace, request->key.hash);
    keyspace_prefetch_table(runner->keyspace, 0, &request->key);
}

// False when it was parked.
static bool execute(struct runner *runner, struct request *request)
{
    static const char value[VALUE_SIZE] = "0123456789abcdef0123456789abcdef0123456789abcdef012345";
    struct access access = {0};
    access_open(&access, runner->keyspace, runner->thread, 0, 1);
    if (!access_lock(&access, &request->shard, 1, &request->waiter)) {
        runner->parked++;
        return false;
    }
    if (runner->writes) {
        struct put_options options = {0};
        ASSERT(keyspace_put_string(&access, &request->key, bytes_make(value, VALUE_SIZE),
                                   &options) == 0);
    } else {
        struct entry_scratch scratch;
        const struct entry *entry = keyspace_find(&access, &request->key);
        char copy[VALUE_SIZE];
        memcpy(copy, entry_string(entry, &scratch).data, VALUE_SIZE);
        runner->sum += (unsigned char)copy[runner->done % VALUE_SIZE];
    }
    access_unlock(&access, &request->shard, 1);
    runner->done++;
    return true;
}

static struct request *retry_woken(struct runner *runner, struct request *free_list)
{
    struct waiter *waiter = atomic_exchange(&runner->woken, NULL);
    while (waiter != NULL) {
        struct waiter *next = waiter->next;
        struct request *request = (struct request *)waiter;
        if (execute(runner, request)) {
            request->next_free = free_list;
            free_list = request;
        }
        waiter = next;
    }
    return free_list;
}

static void *run(void *context)
{
    enum { REQUESTS = 4 * BATCH };
    struct runner *runner = context;
    struct request *requests = calloc(REQUESTS, sizeof(*requests));
    struct request *free_list = NULL;
    for (int i = 0; i < REQUESTS; i++) {
        requests[i].waiter.wake = wake;
        requests[i].runner = runner;
        requests[i].next_free = free_list;
        free_list = &requests[i];
    }
    pool_online(runner->thread->pool);
    while (!atomic_load_explicit(runner->stops, memory_order_relaxed)) {
        struct request *batch[BATCH];
        struct key keys[BATCH];
        size_t count = 0;
        while (count < BATCH && free_list != NULL) {
            batch[count] = free_list;
            free_list = free_list->next_free;
            prepare(runner, batch[count]);
            keys[count] = batch[count]->key;
            count++;
        }
        keyspace_prefetch_first(runner->keyspace, keys, count);
        for (size_t i = 0; i < count; i++) {
            keyspace_prefetch_next(runner->keyspace, keys, count, i);
            if (execute(runner, batch[i])) {
                batch[i]->next_free = free_list;
                free_list = batch[i];
            }
        }
        free_list = retry_woken(runner, free_list);
        pool_quiesce(runner->thread->pool);
    }
    pool_offline(runner->thread->pool);
    return requests;
}

struct scale {
    struct keyspace *keyspace;
    struct store_thread *store[THREADS_MAX];
    uint64_t keys;
    double seconds;
};

// Requests per second of `threads` threads together.
static double measure(const struct scale *scale, unsigned threads, bool writes)
{
    _Atomic bool stops = false;
    struct runner *runners = aligned_alloc(128, threads * sizeof(*runners));
    uint64_t start = clock_monotonic_ns();
    for (unsigned i = 0; i < threads; i++) {
        runners[i] = (struct runner){.keyspace = scale->keyspace,
                                     .thread = scale->store[i],
                                     .keys = scale->keys,
                                     .writes = writes,
                                     .stops = &stops,
                                     .random = {start + i * UINT64_C(977)}};
        ASSERT(pthread_create(&runners[i].id, NULL, run, &runners[i]) == 0);
        // The kernel takes its time to spread new threads over the cores.
        cpu_set_t core;
        CPU_ZERO(&core);
        CPU_SET(i % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &core);
        ASSERT(pthread_setaffinity_np(runners[i].id, sizeof(core), &core) == 0);
    }
    double whole = (double)(time_t)scale->seconds;
    struct timespec pause = {.tv_sec = (time_t)whole,
                             .tv_nsec = (long)((scale->seconds - whole) * 1e9)};
    (void)nanosleep(&pause, NULL);
    atomic_store(&stops, true);
    uint64_t done = 0;
    void *memory[THREADS_MAX];
    for (unsigned i = 0; i < threads; i++) {
        (void)pthread_join(runners[i].id, &memory[i]);
        done += runners[i].done;
    }
    double elapsed = (double)(clock_monotonic_ns() - start) / 1e9;
    for (unsigned i = 0; i < threads; i++) {
        free(memory[i]);
    }
    free(runners);
    return (double)done / elapsed;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare_doubles);
    return values[count / 2];
}

static void bench_scale(uint64_t keys, double seconds)
{
    struct keyspace *keyspace = make_keyspace(THREADS_MAX + 1);
    struct store_thread *loader = keyspace_thread_create(keyspace);
    populate(keyspace, loader, keys, 0);
    pool_offline(loader->pool);
    struct scale scale = {.keyspace = keyspace, .keys = keys, .seconds = seconds};
    for (int i = 0; i < THREADS_MAX; i++) {
        scale.store[i] = keyspace_thread_create(keyspace);
        pool_offline(scale.store[i]->pool);
    }
    for (int writes = 0; writes < 2; writes++) {
        double one[TURNS], two_to_one[TURNS], eight_to_two[TURNS];
        for (int turn = 0; turn < TURNS; turn++) {
            one[turn] = measure(&scale, 1, writes != 0);
            double two = measure(&scale, 2, writes != 0);
            two_to_one[turn] = two / one[turn];
            eight_to_two[turn] = measure(&scale, 8, writes != 0) / two;
        }
        const char *verb = writes ? "set" : "get";
        (void)printf("%s_ns_one_thread %.1f\n", verb, 1e9 / median(one, TURNS));
        (void)printf("%s_2_to_1_threads %.3f\n", verb, median(two_to_one, TURNS));
        (void)printf("%s_8_to_2_threads %.3f\n", verb, median(eight_to_two, TURNS));
    }
}

// ---- growth ----

/* Inserts that took long: the machine's hiccups strike anywhere, what our code does takes
 * as long at the same insert of every run, since keys and secret are the same. */
enum { GROWTH_RUNS = 3, SLOW_MAX = 1 << 16, WINDOW = 64, SETTLE_S = 5, SLOW_NS = 100 * 1000 };
enum { HUGE_PAGE = 2 << 20, TOUCHED = 2000 << 20 }; // Bytes; as much as the keys take.

struct slow {
    uint64_t insert;
    uint64_t ns;
};

struct growth {
    struct slow slow[SLOW_MAX]; // Ascending by insert.
    size_t slow_count;
    uint64_t longest_ns;
    uint64_t longest_touch_ns;
    uint64_t longest_wait_ns;
    double peak_to_final;
    double per_key;
};

struct preparing {
    struct depot *depot;
    _Atomic bool stops;
};

static void pause_shortly(void)
{
    struct timespec pause = {.tv_nsec = 200000};
    (void)nanosleep(&pause, NULL);
}

// As the server's upkeep thread does.
static void *prepare_memory(void *context)
{
    struct preparing *preparing = context;
    while (!atomic_load(&preparing->stops)) {
        if (depot_claim_upkeep(preparing->depot)) {
            depot_upkeep(preparing->depot);
        }
        pause_shortly();
    }
    return NULL;
}

static void keep_longer(uint64_t *longest, uint64_t ns)
{
    *longest = ns > *longest ? ns : *longest;
}

// As a worker does, which executes other requests meanwhile.
static void await_memory(struct keyspace *keyspace, struct growth *growth)
{
    if (depot_is_short(keyspace_depot(keyspace))) {
        uint64_t start = clock_monotonic_ns();
        while (depot_is_short(keyspace_depot(keyspace))) {
            pause_shortly();
        }
        uint64_t waited = clock_monotonic_ns() - start;
        keep_longer(&growth->longest_wait_ns, waited);
    }
}

static void note_slow(struct growth *growth, struct slow slow)
{
    keep_longer(&growth->longest_ns, slow.ns);
    if (slow.ns > SLOW_NS) {
        ASSERT(growth->slow_count < SLOW_MAX);
        growth->slow[growth->slow_count++] = slow;
    }
}

/* Insert up to WINDOW keys. The thread's CPU clock is a system call that takes ten times as
 * long as an insert: it is read around all of them. What it says, and what the wall clock
 * says of the slowest, are both at least that insert's CPU time. */
static void insert_window(struct keyspace *keyspace, struct store_thread *thread, uint64_t from,
                          uint64_t to, struct growth *growth)
{
    char value[VALUE_SIZE];
    memset(value, 'v', sizeof(value));
    struct slow slowest = {.insert = from}; // The window stands for it.
    uint64_t cpu_ns = clock_thread_cpu_ns();
    for (uint64_t i = from; i < to; i++) {
        await_memory(keyspace, growth);
        uint64_t start = clock_monotonic_ns();
        set_key(keyspace, thread, i, bytes_make(value, VALUE_SIZE), 0);
        pool_quiesce(thread->pool);
        keep_longer(&slowest.ns, clock_monotonic_ns() - start);
    }
    cpu_ns = clock_thread_cpu_ns() - cpu_ns;
    slowest.ns = cpu_ns < slowest.ns ? cpu_ns : slowest.ns;
    note_slow(growth, slowest);
}

/* The same without the store: steps that touch three random lines of memory that was mapped and
 * written to before. What takes long here, the machine does to any thread. */
static void touch_memory(uint64_t for_ns, struct growth *growth)
{
    struct random random = {.state = 1};
    char *memory = aligned_alloc(HUGE_PAGE, TOUCHED);
    ASSERT(memory != NULL && madvise(memory, TOUCHED, MADV_HUGEPAGE) == 0);
    memset(memory, 1, TOUCHED);
    uint64_t end = clock_monotonic_ns() + for_ns;
    while (clock_monotonic_ns() < end) {
        uint64_t longest_ns = 0;
        uint64_t cpu_ns = clock_thread_cpu_ns();
        for (int i = 0; i < WINDOW; i++) {
            uint64_t start = clock_monotonic_ns();
            for (int line = 0; line < 3; line++) {
                ((volatile char *)memory)[random_below(&random, TOUCHED)]++;
            }
            keep_longer(&longest_ns, clock_monotonic_ns() - start);
        }
        cpu_ns = clock_thread_cpu_ns() - cpu_ns;
        keep_longer(&growth->longest_touch_ns, cpu_ns < longest_ns ? cpu_ns : longest_ns);
    }
    free(memory);
}

static void insert_all(struct keyspace *keyspace, uint64_t keys, struct growth *growth)
{
    struct store_thread *thread = keyspace_thread_create(keyspace);
    uint64_t base = resident_bytes();
    uint64_t peak = base;
    for (uint64_t i = 0; i < keys; i += WINDOW) {
        insert_window(keyspace, thread, i, i + WINDOW < keys ? i + WINDOW : keys, growth);
        if (i % 4096 == 0) {
            uint64_t now = resident_bytes();
            peak = now > peak ? now : peak;
        }
    }
    double grown = (double)(resident_bytes() - base);
    growth->peak_to_final = (double)(peak - base) / grown;
    growth->per_key = grown / (double)keys - (KEY_SIZE + VALUE_SIZE);
    keyspace_thread_destroy(keyspace, thread);
}

static void run_growth(uint64_t keys, struct growth *growth)
{
    struct keyspace_options options = {.databases = 1, .threads = 1, .tenders = 1};
    hash_secret_init(&options.secret, (uint64_t[HASH_SEED_WORDS]){7});
    struct keyspace *keyspace = keyspace_create(&options);
    ASSERT(keyspace != NULL);
    struct preparing preparing = {.depot = keyspace_depot(keyspace)};
    depot_upkeep(preparing.depot);
    pthread_t helper;
    ASSERT(pthread_create(&helper, NULL, prepare_memory, &preparing) == 0);
    uint64_t start = clock_monotonic_ns();
    insert_all(keyspace, keys, growth);
    touch_memory(clock_monotonic_ns() - start, growth);
    atomic_store(&preparing.stops, true);
    (void)pthread_join(helper, NULL);
    keyspace_destroy(keyspace);
    // A host that takes free memory back stops the machine for ms, 2 s later.
    struct timespec pause = {.tv_sec = SETTLE_S};
    (void)nanosleep(&pause, NULL);
}

// How long an insert took in a run: SLOW_NS stands for all that were no slower.
static uint64_t time_of(const struct growth *growth, uint64_t insert)
{
    size_t low = 0;
    size_t high = growth->slow_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (growth->slow[middle].insert < insert) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < growth->slow_count && growth->slow[low].insert == insert;
    return found ? growth->slow[low].ns : SLOW_NS;
}

static void bench_growth(uint64_t keys)
{
    static struct growth runs[GROWTH_RUNS];
    uint64_t longest_ns = 0;
    uint64_t longest_touch_ns = 0;
    uint64_t longest_wait_ns = 0;
    uint64_t repeated_ns = SLOW_NS;
    double peak_to_final = 0;
    for (int run = 0; run < GROWTH_RUNS; run++) {
        run_growth(keys, &runs[run]);
        double peak = runs[run].peak_to_final;
        peak_to_final = peak > peak_to_final ? peak : peak_to_final;
        keep_longer(&longest_ns, runs[run].longest_ns);
        keep_longer(&longest_touch_ns, runs[run].longest_touch_ns);
        keep_longer(&longest_wait_ns, runs[run].longest_wait_ns);
    }
    for (size_t i = 0; i < runs[0].slow_count; i++) {
        uint64_t least = runs[0].slow[i].ns;
        for (int run = 1; run < GROWTH_RUNS; run++) {
            uint64_t ns = time_of(&runs[run], runs[0].slow[i].insert);
            least = ns < least ? ns : least;
        }
        repeated_ns = least > repeated_ns ? least : repeated_ns;
    }
    (void)printf("longest_insert_us %.1f\n", (double)longest_ns / 1000);
    (void)printf("longest_touch_us %.1f\n", (double)longest_touch_ns / 1000);
    (void)printf("longest_wait_us %.1f\n", (double)longest_wait_ns / 1000);
    (void)printf("longest_insert_in_every_run_us %.1f\n", (double)repeated_ns / 1000);
    (void)printf("peak_to_final %.3f\n", peak_to_final);
    (void)printf("bytes_per_key_beyond %.1f\n", runs[0].per_key);
}

// ---- memory ----

static void bench_memory(bool with_ttl)
{
    enum { KEYS = 1000000 };
    struct keyspace *keyspace = make_keyspace(1);
    struct store_thread *thread = keyspace_thread_create(keyspace);
    uint64_t base = resident_bytes();
    populate(keyspace, thread, KEYS, with_ttl ? 4000000000000U : 0);
    double per_key = (double)(resident_bytes() - base) / KEYS;
    (void)printf("bytes_per_key_beyond%s %.1f\n", with_ttl ? "_with_ttl" : "",
                 per_key - (KEY_SIZE + VALUE_SIZE));
    uint64_t usage[MEMORY_TAGS];
    depot_usage(keyspace_depot(keyspace), usage);
    for (int tag = 0; tag < MEMORY_TAGS; tag++) {
        if (usage[tag] > 0) {
            (void)printf("  %s %.2f\n", memory_tag_name((enum memory_tag)tag),
                         (double)usage[tag] / KEYS);
        }
    }
}

static void bench_rewrite(void)
{
    enum { KEYS = 1000000, REWRITES = 20, VALUE_MIN = 16, VALUE_MAX = 512 };
    static uint16_t sizes[KEYS];
    struct keyspace *keyspace = make_keyspace(1);
    struct store_thread *thread = keyspace_thread_create(keyspace);
    struct random random = {1};
    char value[VALUE_MAX];
    memset(value, 'v', sizeof(value));
    uint64_t base = resident_bytes();
    for (uint64_t i = 0; i < (uint64_t)KEYS * (REWRITES + 1); i++) {
        uint64_t key = i < KEYS ? i : random_below(&random, KEYS);
        size_t size = VALUE_MIN + random_below(&random, VALUE_MAX - VALUE_MIN + 1);
        sizes[key] = (uint16_t)size;
        set_key(keyspace, thread, key, bytes_make(value, size), 0);
        if (i % 64 == 0) {
            pool_quiesce(thread->pool);
        }
    }
    uint64_t live = 0;
    for (int i = 0; i < KEYS; i++) {
        live += KEY_SIZE + sizes[i];
    }
    (void)printf("rss_to_live_bytes %.3f\n", (double)(resident_bytes() - base) / (double)live);
}

int main(int argc, char **argv)
{
    uint64_t keys = 1000000;
    double seconds = 1;
    const char *what = argc > 1 ? argv[1] : "";
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--keys") == 0) {
            keys = strtoull(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            seconds = strtod(argv[i + 1], NULL);
        }
    }
    if (strcmp(what, "scale") == 0) {
        bench_scale(keys, seconds);
    } else if (strcmp(what, "growth") == 0) {
        bench_growth(keys);
    } else if (strcmp(what, "memory") == 0) {
        bench_memory(false);
    } else if (strcmp(what, "memory-ttl") == 0) {
        bench_memory(true);
    } else if (strcmp(what, "rewrite") == 0) {
        bench_rewrite();
    } else {
        (void)fprintf(stderr,
                      "usage: bench_store scale|growth|memory|memory-ttl|rewrite [--keys N] "
                      "[--seconds S]\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
