/* Strings that are set, appended to, written into and lent, in all their encodings, against
 * naive arrays of bytes; in checked builds with allocations that fail. */
#include "base/random.h"
#include "seed.h"
#include "store/access.h"
#include "store/entry_internal.h"
#include "unit.h"
#include "value/string/string_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEYS = 12,
    STEPS = 60000,
    SHARD_BITS = 2,
    SIZE_MAX_MODEL = 60000, // Well beyond STRING_EMBEDDED_MAX.
    LOANS = 6,
    NAME_SIZE = 17000
};

struct expected {
    bool exists;
    size_t size;
    char *bytes; // SIZE_MAX_MODEL of them.
};

// What somebody reads without the lock; it must stay as it was.
struct loan {
    struct value *value; // NULL: none.
    struct bytes bytes;
    char *copy;
};

struct world {
    struct keyspace *keyspace;
    struct store_thread *thread;
    struct random random;
    struct expected model[KEYS];
    struct loan loans[LOANS];
    char *text; // Random bytes for a step.
    unsigned refused;
};

static void never_wakes(void *context, unsigned tender)
{
    (void)context;
    (void)tender;
}

static struct world *create_world(void)
{
    struct world *world = calloc(1, sizeof(*world));
    world->random = seed_random("string_edit");
    struct keyspace_options options = {
        .shard_bits = SHARD_BITS,
        .databases = 1,
        .threads = 1,
        .tenders = 1,
        .secret = seed_secret(&world->random),
        .wake = never_wakes,
    };
    world->keyspace = keyspace_create(&options);
    world->thread = keyspace_thread_create(world->keyspace);
    world->text = malloc(SIZE_MAX_MODEL);
    for (int i = 0; i < KEYS; i++) {
        world->model[i].bytes = calloc(1, SIZE_MAX_MODEL);
    }
    for (int i = 0; i < LOANS; i++) {
        world->loans[i].copy = malloc(SIZE_MAX_MODEL);
    }
    return world;
}

static void free_trash(struct world *world)
{
    struct trash trash;
    while (keyspace_take_trash(world->thread, &trash)) {
        keyspace_free_trash(world->keyspace, world->thread, &trash);
    }
}

static void give_back(struct world *world, struct loan *loan)
{
    if (loan->value != NULL) {
        ck_assert_mem_eq(loan->bytes.data, loan->copy, loan->bytes.size);
        keyspace_drop(world->thread, loan->value);
        loan->value = NULL;
    }
}

static void destroy_world(struct world *world)
{
    for (int i = 0; i < LOANS; i++) {
        give_back(world, &world->loans[i]);
        free(world->loans[i].copy);
    }
    struct access access = {0};
    access_open(&access, world->keyspace, world->thread, 0, 1000);
    keyspace_flush(&access, KEYSPACE_ALL);
    free_trash(world);
    pool_quiesce(world->thread->pool);
    uint64_t bytes[MEMORY_TAGS];
    depot_usage(keyspace_depot(world->keyspace), bytes);
    for (int tag = 0; tag < MEMORY_TAGS; tag++) {
        ck_assert_msg(bytes[tag] == 0, "%s: %llu bytes left", memory_tag_name((enum memory_tag)tag),
                      (unsigned long long)bytes[tag]);
    }
    for (int i = 0; i < KEYS; i++) {
        free(world->model[i].bytes);
    }
    keyspace_thread_destroy(world->keyspace, world->thread);
    keyspace_destroy(world->keyspace);
    free(world->text);
    free(world);
}

// ---- one step: the same to the keyspace and to the model ----

struct step {
    struct world *world;
    struct access access;
    struct key key;
    struct expected *expected;
};

// Mostly short; sometimes around what is stored beside a key, or beyond.
static size_t random_size(struct random *random)
{
    switch (random_below(random, 8)) {
    case 0:
        return random_below(random, SIZE_MAX_MODEL / 2);
    case 1:
        return STRING_EMBEDDED_MAX - 4 + random_below(random, 8);
    case 2:
        return 1000 + random_below(random, 50);
    default:
        return random_below(random, 60);
    }
}

static struct bytes random_text(struct step *step, size_t size_max)
{
    struct random *random = &step->world->random;
    char *text = step->world->text;
    size_t size = random_size(random);
    if (random_below(random, 4) == 0) {
        size = (size_t)snprintf(text, SIZE_MAX_MODEL, "%lld", (long long)random_next(random));
    } else {
        memset(text, (int)('a' + random_below(random, 26)), size);
    }
    return bytes_make(text, size < size_max ? size : size_max);
}

static void expect(struct expected *expected, struct bytes bytes, size_t at)
{
    if (at > expected->size || !expected->exists) {
        size_t size = expected->exists ? expected->size : 0;
        memset(expected->bytes + size, 0, at - size);
    }
    memcpy(expected->bytes + at, bytes.data, bytes.size);
    size_t end = at + bytes.size;
    expected->size = end > expected->size || !expected->exists ? end : expected->size;
    expected->exists = true;
}

static int set(struct step *step)
{
    struct bytes text = random_text(step, SIZE_MAX_MODEL);
    const struct put_options options = {.deadline_ms = random_below(&step->world->random, 2) *
                                                       UINT64_C(1000000)};
    int error = keyspace_put_string(&step->access, &step->key, text, &options);
    if (error == 0) {
        step->expected->exists = false;
        step->expected->size = 0;
        expect(step->expected, text, 0);
    }
    return error;
}

// A block that is filled piece by piece before a key has it.
static int set_block(struct step *step)
{
    struct pool *pool = step->world->thread->pool;
    struct bytes text = random_text(step, SIZE_MAX_MODEL);
    const struct put_options options = {.keeps_deadline = true};
    size_t first = text.size / 3;
    struct string *string = string_create_unfilled(pool, first);
    if (string == NULL) {
        return -ENOMEM;
    }
    memcpy(string->data, text.data, first);
    int error = string_extend(&string, pool, text.size - first);
    if (error == 0) {
        memcpy(string->data + first, text.data + first, text.size - first);
        error = keyspace_put_long_string(&step->access, &step->key, string, &options);
    }
    if (error < 0) {
        string_destroy(string, pool);
        return error;
    }
    step->expected->exists = false;
    step->expected->size = 0;
    expect(step->expected, text, 0);
    return 0;
}

static size_t expected_size(const struct step *step)
{
    return step->expected->exists ? step->expected->size : 0;
}

static int append(struct step *step)
{
    size_t old_size = expected_size(step);
    struct bytes text = random_text(step, SIZE_MAX_MODEL - old_size);
    size_t size = 0;
    int error = keyspace_append(&step->access, &step->key, text, &size);
    if (error == 0) {
        ck_assert_uint_eq(size, old_size + text.size);
        expect(step->expected, text, old_size);
    }
    return error;
}

static bool is_zero(const char *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

// As SETRANGE does: write somewhere, perhaps beyond the end.
static int write_range(struct step *step)
{
    size_t old_size = expected_size(step);
    size_t reach = random_below(&step->world->random, 3) == 0
                       ? old_size + random_size(&step->world->random)
                       : old_size;
    reach = reach < SIZE_MAX_MODEL ? reach : SIZE_MAX_MODEL;
    size_t at = random_below(&step->world->random, reach + 1);
    struct bytes text = random_text(step, SIZE_MAX_MODEL - at);
    struct string_edit edit = {.size = SIZE_MAX};
    int error = keyspace_edit_string(&step->access, &step->key, at + text.size, &edit);
    if (error < 0) {
        ck_assert_uint_eq(edit.size, SIZE_MAX); // Outputs are untouched.
        return error;
    }
    ck_assert_uint_eq(edit.old_size, old_size);
    ck_assert_uint_eq(edit.size, at + text.size > old_size ? at + text.size : old_size);
    ck_assert(is_zero(edit.data + old_size, edit.size - old_size));
    memcpy(edit.data + at, text.data, text.size);
    expect(step->expected, text, at);
    return 0;
}

static int remove_key(struct step *step)
{
    ck_assert_int_eq(keyspace_remove(&step->access, &step->key), step->expected->exists);
    step->expected->exists = false;
    step->expected->size = 0;
    return 0;
}

static int lend(struct step *step)
{
    struct loan *loan = &step->world->loans[random_below(&step->world->random, LOANS)];
    give_back(step->world, loan);
    const struct entry *entry = keyspace_find(&step->access, &step->key);
    if (entry != NULL && entry_encoding(entry) == ENTRY_VALUE) {
        struct entry_scratch scratch;
        loan->bytes = entry_string(entry, &scratch);
        loan->value = entry_value(entry);
        keyspace_hold(step->world->thread, loan->value);
        memcpy(loan->copy, loan->bytes.data, loan->bytes.size);
    }
    return 0;
}

static void check(struct step *step)
{
    const struct entry *entry = keyspace_find(&step->access, &step->key);
    ck_assert_int_eq(entry != NULL, step->expected->exists);
    if (entry != NULL) {
        struct entry_scratch scratch;
        struct bytes bytes = entry_string(entry, &scratch);
        ck_assert_uint_eq(bytes.size, step->expected->size);
        ck_assert_int_eq(memcmp(bytes.data, step->expected->bytes, bytes.size), 0);
    }
}

static void one_step(struct world *world, int (*action)(struct step *))
{
    static char name[NAME_SIZE];
    unsigned i = (unsigned)random_below(&world->random, KEYS);
    name[0] = (char)('a' + i);
    struct step step = {.world = world, .expected = &world->model[i]};
    // One key beyond what pools have classes for, one that is long, others short.
    size_t name_size = i == 0 ? NAME_SIZE : i == 1 ? 300 : 1 + i;
    step.key = keyspace_key(world->keyspace, bytes_make(name, name_size));
    uint32_t shard = keyspace_shard(world->keyspace, step.key.hash);
    access_open(&step.access, world->keyspace, world->thread, 0, 1000);
    ck_assert_int_eq(access_ensure_database(&step.access), 0);
    ck_assert(access_lock(&step.access, &shard, 1, NULL));
    int error = action(&step);
    pool_fail_after(world->thread->pool, -1);
    ck_assert(error == 0 || error == -ENOMEM);
    world->refused += error < 0;
    check(&step);
    access_unlock(&step.access, &shard, 1);
}

TEST(random_edits_agree_with_arrays_of_bytes)
{
    struct world *world = create_world();
    static int (*const actions[])(struct step *) = {
        set,         set,         set_block,   append, append, append,    write_range,
        write_range, write_range, write_range, lend,   lend,   remove_key};
    enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };
    for (int i = 0; i < STEPS; i++) {
        bool fails = random_below(&world->random, 4) == 0;
        pool_fail_after(world->thread->pool, fails ? (long)random_below(&world->random, 3) : -1);
        one_step(world, actions[random_below(&world->random, ACTIONS)]);
        if (i % 500 == 0) {
            keyspace_validate(world->keyspace);
        }
        free_trash(world);
    }
#ifdef FASTKV_CHECKED
    ck_assert_uint_gt(world->refused, STEPS / 100);
#endif
    keyspace_validate(world->keyspace);
    destroy_world(world);
}
