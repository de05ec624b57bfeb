#include "base/random.h"
#include "seed.h"
#include "store/expiry.h"
#include "store/walk.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEYS = 300,
    DATABASES = 3,
    STEPS = 40000,
    SHARD_BITS = 3,
    VALUE_MAX = 40000,
    NAME_MAX_SIZE = 17000
};

// What the keyspace should hold.
struct expected {
    bool exists;
    uint64_t deadline_ms;
    char *value;
    size_t size;
};

struct world {
    struct keyspace *keyspace;
    struct store_thread *thread;
    struct random random;
    uint64_t now_ms;
    uint64_t woken; // How often the tender was.
    struct expected model[DATABASES][KEYS];
};

static void count_wake(void *context, unsigned tender)
{
    struct world *world = context;
    ck_assert_uint_eq(tender, 0);
    world->woken++;
}

static struct world *create_world(void)
{
    struct world *world = calloc(1, sizeof(*world));
    world->random = seed_random("keyspace");
    world->now_ms = 1000;
    struct keyspace_options options = {
        .shard_bits = SHARD_BITS,
        .databases = DATABASES,
        .threads = 1,
        .tenders = 1,
        .secret = seed_secret(&world->random),
        .wake = count_wake,
        .context = world,
    };
    world->keyspace = keyspace_create(&options);
    world->thread = keyspace_thread_create(world->keyspace);
    return world;
}

static void forget(struct expected *expected)
{
    free(expected->value);
    *expected = (struct expected){0};
}

static void destroy_world(struct world *world)
{
    for (int db = 0; db < DATABASES; db++) {
        for (int i = 0; i < KEYS; i++) {
            forget(&world->model[db][i]);
        }
    }
    keyspace_thread_destroy(world->keyspace, world->thread);
    keyspace_destroy(world->keyspace);
    free(world);
}

// Keys of all sizes, some beyond what a short key holds, some whose entries are beyond what
// pools have classes for.
static size_t key_name(int i, char name[NAME_MAX_SIZE])
{
    size_t size = (size_t)(i % 10 == 0 ? 256 + i : i % 7 == 0 ? 255 : 1 + i % 50);
    size = i % 37 == 0 ? (size_t)(POOL_CLASS_MAX - KEYS + 2 * i) : size;
    memset(name, 'k', size);
    name[0] = (char)(i & 0xFF);
    name[size - 1] = (char)(size == 1 ? i & 0xFF : i >> 8);
    if (size > 3) {
        name[1] = (char)(i >> 8);
    } else {
        size = 4;
        name[1] = (char)(i >> 8);
        name[2] = 'x';
        name[3] = 'y';
    }
    return size;
}

static bool is_live(const struct world *world, const struct expected *expected)
{
    return expected->exists &&
           (expected->deadline_ms == 0 || expected->deadline_ms > world->now_ms);
}

static size_t random_value(struct random *random, char value[VALUE_MAX])
{
    size_t size = 0;
    switch (random_below(random, 8)) {
    case 0:
        return (size_t)snprintf(value, VALUE_MAX, "%lld", (long long)random_next(random));
    case 1:
        size = random_below(random, VALUE_MAX);
        break;
    default:
        size = random_below(random, 200);
    }
    memset(value, (int)('a' + random_below(random, 26)), size);
    return size;
}

// ---- one step: the same to the keyspace and to the model ----

struct step {
    struct world *world;
    struct access access;
    struct key key;
    uint32_t shard;
    struct expected *expected;
};

static void expect_value(struct expected *expected, const char *value, size_t size)
{
    char *copy = malloc(size + 1);
    memcpy(copy, value, size);
    free(expected->value);
    expected->value = copy;
    expected->size = size;
    expected->exists = true;
}

static void put(struct step *step)
{
    static char value[VALUE_MAX];
    struct random *random = &step->world->random;
    size_t size = random_value(random, value);
    struct put_options options = {0};
    bool was_live = is_live(step->world, step->expected);
    if (random_below(random, 3) == 0) {
        options.deadline_ms = step->world->now_ms + 1 + random_below(random, 2000);
    } else {
        options.keeps_deadline = random_below(random, 3) == 0;
    }
    ck_assert_int_eq(
        keyspace_put_string(&step->access, &step->key, bytes_make(value, size), &options), 0);
    if (!options.keeps_deadline) {
        step->expected->deadline_ms = options.deadline_ms;
    } else if (!was_live) {
        step->expected->deadline_ms = 0;
    }
    expect_value(step->expected, value, size);
}

static void append(struct step *step)
{
    static char value[VALUE_MAX];
    size_t size = random_value(&step->world->random, value) % 700;
    if (!is_live(step->world, step->expected)) {
        forget(step->expected);
    }
    size_t total = 0;
    ck_assert_int_eq(keyspace_append(&step->access, &step->key, bytes_make(value, size), &total),
                     0);
    size_t old_size = step->expected->size;
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): forget() has set it to NULL.
    char *joined = realloc(step->expected->value, old_size + size + 1);
    memcpy(joined + old_size, value, size);
    ck_assert_uint_eq(total, old_size + size);
    step->expected->value = joined;
    step->expected->size = total;
    step->expected->exists = true;
}

static void get(struct step *step)
{
    struct entry *entry = keyspace_find(&step->access, &step->key);
    ck_assert_int_eq(entry != NULL, is_live(step->world, step->expected));
    if (entry != NULL) {
        struct entry_scratch scratch;
        struct bytes value = entry_string(entry, &scratch);
        ck_assert_uint_eq(value.size, step->expected->size);
        ck_assert_int_eq(memcmp(value.data, step->expected->value, value.size), 0);
        ck_assert_uint_eq(entry_deadline_ms(entry), step->expected->deadline_ms);
        ck_assert(bytes_equal(entry_key(entry), step->key.name));
    }
}

static void change_deadline(struct step *step)
{
    if (keyspace_find(&step->access, &step->key) != NULL) {
        uint64_t deadline_ms =
            random_below(&step->world->random, 3) == 0
                ? 0
                : step->world->now_ms + 1 + random_below(&step->world->random, 2000);
        ck_assert_int_eq(keyspace_set_deadline(&step->access, &step->key, deadline_ms), 0);
        step->expected->deadline_ms = deadline_ms;
    }
}

static void remove_key(struct step *step)
{
    ck_assert_int_eq(keyspace_remove(&step->access, &step->key),
                     is_live(step->world, step->expected));
    forget(step->expected);
}

static void one_key(struct world *world, void (*action)(struct step *))
{
    char name[NAME_MAX_SIZE];
    uint32_t db = (uint32_t)random_below(&world->random, DATABASES);
    int i = (int)random_below(&world->random, KEYS);
    struct step step = {.world = world, .expected = &world->model[db][i]};
    step.key = keyspace_key(world->keyspace, bytes_make(name, key_name(i, name)));
    step.shard = keyspace_shard(world->keyspace, step.key.hash);
    access_open(&step.access, world->keyspace, world->thread, db, world->now_ms);
    ck_assert_int_eq(access_ensure_database(&step.access), 0);
    ck_assert(access_lock(&step.access, &step.shard, 1, NULL));
    action(&step);
    access_unlock(&step.access, &step.shard, 1);
}

static void count_entry(const struct entry *entry, void *context)
{
    (void)entry;
    ++*(size_t *)context;
}

static void check_all(struct world *world)
{
    keyspace_validate(world->keyspace);
    for (uint32_t db = 0; db < DATABASES; db++) {
        struct access access = {0};
        access_open(&access, world->keyspace, world->thread, db, world->now_ms);
        struct keyspace_walk walk = {.elements_min = 10, .shards_max = 2, .may_wait = true};
        size_t seen = 0, live = 0;
        do {
            ck_assert(keyspace_scan(&access, &walk, count_entry, &seen));
        } while (walk.cursor != 0);
        for (int i = 0; i < KEYS; i++) {
            live += is_live(world, &world->model[db][i]);
        }
        ck_assert_uint_eq(seen, live);
    }
}

// Time goes on: what is due is removed, and nothing else.
static void pass_time(struct world *world)
{
    world->now_ms += random_below(&world->random, 100);
    struct access access = {
        .keyspace = world->keyspace, .thread = world->thread, .now_ms = world->now_ms};
    while (keyspace_expire_due(&access, 0, 5) > 0) {
    }
    uint64_t next_ms = keyspace_next_deadline(world->keyspace, 0);
    uint64_t first_ms = 0;
    for (uint32_t db = 0; db < DATABASES; db++) {
        size_t live = 0;
        for (int i = 0; i < KEYS; i++) {
            const struct expected *expected = &world->model[db][i];
            live += is_live(world, expected);
            if (is_live(world, expected) && expected->deadline_ms != 0 &&
                (first_ms == 0 || expected->deadline_ms < first_ms)) {
                first_ms = expected->deadline_ms;
            }
        }
        ck_assert_uint_eq(keyspace_count(world->keyspace, db), live);
    }
    // It may wake early, never late.
    ck_assert(first_ms == 0 || (next_ms != 0 && next_ms <= first_ms));
}

static void flush_one(struct world *world)
{
    struct access access = {0};
    uint32_t db = (uint32_t)random_below(&world->random, DATABASES);
    access_open(&access, world->keyspace, world->thread, db, world->now_ms);
    keyspace_flush(&access, db);
    for (int i = 0; i < KEYS; i++) {
        forget(&world->model[db][i]);
    }
    ck_assert_uint_eq(keyspace_count(world->keyspace, db), 0);
}

static void free_trash(struct world *world)
{
    struct trash trash;
    while (keyspace_take_trash(world->thread, &trash)) {
        keyspace_free_trash(world->keyspace, world->thread, &trash);
    }
}

TEST(random_operations_agree_with_a_naive_model)
{
    struct world *world = create_world();
    static void (*const actions[])(struct step *) = {
        put, put, append, get, get, get, change_deadline, remove_key, append};
    for (int i = 0; i < STEPS; i++) {
        one_key(world, actions[random_below(&world->random, sizeof(actions) / sizeof(actions[0]))]);
        if (i % 20 == 0) {
            pass_time(world);
        }
        if (i % 1000 == 0) {
            check_all(world);
        }
        if (i % 9000 == 8999) {
            flush_one(world);
        }
        free_trash(world);
        pool_quiesce(world->thread->pool);
    }
    ck_assert_uint_gt(world->woken, 0);
    check_all(world);
    destroy_world(world);
}

TEST(memory_returns_to_zero_when_everything_is_removed)
{
    struct world *world = create_world();
    for (int i = 0; i < STEPS / 4; i++) {
        one_key(world, i % 3 == 0 ? append : put);
        free_trash(world);
    }
    struct access access = {0};
    access_open(&access, world->keyspace, world->thread, 0, world->now_ms);
    keyspace_flush(&access, KEYSPACE_ALL);
    free_trash(world);
    uint64_t bytes[MEMORY_TAGS];
    pool_quiesce(world->thread->pool);
    depot_usage(keyspace_depot(world->keyspace), bytes);
    for (int tag = 0; tag < MEMORY_TAGS; tag++) {
        ck_assert_msg(bytes[tag] == 0, "%s: %llu bytes left", memory_tag_name((enum memory_tag)tag),
                      (unsigned long long)bytes[tag]);
    }
    destroy_world(world);
}

#ifdef FASTKV_CHECKED
TEST(a_write_that_runs_out_of_memory_changes_nothing)
{
    struct world *world = create_world();
    for (int i = 0; i < 4000; i++) {
        char name[NAME_MAX_SIZE], value[VALUE_MAX];
        int k = (int)random_below(&world->random, KEYS);
        struct key key = keyspace_key(world->keyspace, bytes_make(name, key_name(k, name)));
        uint32_t shard = keyspace_shard(world->keyspace, key.hash);
        struct access access = {0};
        struct put_options options = {.deadline_ms = i % 2 == 0 ? 100000 + (uint64_t)i : 0};
        size_t size = random_value(&world->random, value);
        struct expected *expected = &world->model[0][k];
        int error = 0;
        for (long n = 0; n < 20; n++) {
            pool_fail_after(world->thread->pool, n);
            access_open(&access, world->keyspace, world->thread, 0, world->now_ms);
            error = access_ensure_database(&access);
            ck_assert(access_lock(&access, &shard, 1, NULL));
            if (error == 0) {
                error = keyspace_put_string(&access, &key, bytes_make(value, size), &options);
            }
            pool_fail_after(world->thread->pool, -1);
            access_unlock(&access, &shard, 1);
            if (error == 0) {
                break;
            }
            const struct entry *entry = keyspace_find(&access, &key);
            struct entry_scratch scratch;
            ck_assert_int_eq(entry != NULL, expected->exists);
            ck_assert(entry == NULL || bytes_equal(entry_string(entry, &scratch),
                                                   bytes_make(expected->value, expected->size)));
        }
        ck_assert_int_eq(error, 0);
        expect_value(expected, value, size);
        expected->deadline_ms = options.deadline_ms;
        if (i % 200 == 0) {
            check_all(world);
        }
    }
    destroy_world(world);
}
#endif
