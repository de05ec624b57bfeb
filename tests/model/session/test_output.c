/* Random writes, lent values and insertions through a worker's output, beside a plain string. */
#include "base/random.h"
#include "seed.h"
#include "session/output.h"
#include "store/keyspace.h"
#include "unit.h"
#include "value/string/string_value.h"

#include <stdlib.h>

enum { ROUNDS = 300, STEPS = 60, MARKS_MAX = 8, EXPECTED_MAX = 8 * 1024 * 1024 };

struct model {
    struct random random;
    struct keyspace *keyspace;
    struct store_thread *thread;
    struct output output;
    struct chain chain;
    struct bytes run;
    char *expected; // What is to be sent.
    size_t size;
    size_t marks[MARKS_MAX], places[MARKS_MAX]; // Of lists that are open, the innermost last.
    unsigned open;
};

static void no_wake(void *context, unsigned tender)
{
    (void)context;
    (void)tender;
}

static void set_up(struct model *m, const char *test)
{
    const struct keyspace_options options = {
        .shard_bits = 1,
        .databases = 1,
        .threads = 1,
        .tenders = 1,
        .secret = {.sip = {1, 2}},
        .wake = no_wake,
    };
    *m = (struct model){.random = seed_random(test)};
    m->keyspace = keyspace_create(&options);
    ASSERT(m->keyspace != NULL);
    m->thread = keyspace_thread_create(m->keyspace);
    m->expected = malloc(EXPECTED_MAX);
    ASSERT(m->thread != NULL && m->expected != NULL);
    int error = output_init(&m->output, m->thread, SIZE_MAX / 2);
    ASSERT(error == 0);
}

static void tear_down(struct model *m)
{
    output_deinit(&m->output);
    keyspace_thread_destroy(m->keyspace, m->thread);
    keyspace_destroy(m->keyspace);
    free(m->expected);
}

// Mostly short, now and then up to `max`.
static size_t random_size(struct model *m, size_t max)
{
    return random_below(&m->random, random_below(&m->random, 4) == 0 ? max : 20);
}

// `size` new bytes at the place in what is expected; returns them.
static struct bytes expect(struct model *m, size_t place, size_t size)
{
    ASSERT(m->size + size <= EXPECTED_MAX);
    char *at = m->expected + place;
    memmove(at + size, at, m->size - place);
    for (size_t i = 0; i < size; i++) {
        at[i] = (char)random_next(&m->random);
    }
    m->size += size;
    return bytes_make(at, size);
}

static void do_step(struct model *m, size_t write_max)
{
    struct sink *sink = &m->output.to_chain.sink;
    switch (random_below(&m->random, 8)) {
    case 0:
        if (m->open < MARKS_MAX) {
            m->places[m->open] = sink_place(sink);
            m->marks[m->open++] = m->size;
        }
        break;
    case 1:
        if (m->open > 0) {
            m->open--;
            struct bytes header = expect(m, m->marks[m->open], 1 + random_below(&m->random, 20));
            sink_insert(sink, m->places[m->open], header);
        }
        break;
    case 2:
        if (random_below(&m->random, 8) == 0) {
            struct bytes bytes = expect(m, m->size, 1 + random_size(m, write_max));
            struct string *string = string_create(m->thread->pool, bytes, bytes.size);
            ASSERT(string != NULL);
            int error = sink->ops->lend(sink, string_bytes(string), &string->value);
            ASSERT(error == 0);
        }
        break;
    default:
        sink_write(sink, expect(m, m->size, random_size(m, write_max)));
    }
    ASSERT(!sink->failed);
}

// The run, then the chain, are what was expected.
static void check(struct model *m)
{
    bool failed;
    m->run = output_end(&m->output, &failed);
    ASSERT(!failed);
    ASSERT(m->run.size + m->chain.bytes == m->size);
    ASSERT(m->run.size == 0 || memcmp(m->run.data, m->expected, m->run.size) == 0);
    size_t at = m->run.size;
    size_t memory = 0;
    size_t skip = m->chain.sent;
    for (const struct piece *piece = m->chain.first; piece != NULL; piece = piece->next) {
        ASSERT(at + piece->size - skip <= m->size);
        ASSERT(memcmp(m->expected + at, piece->data + skip, piece->size - skip) == 0);
        ASSERT(piece->owner != NULL || piece->size <= piece->capacity);
        ASSERT(piece->next != NULL || piece == m->chain.last);
        at += piece->size - skip;
        skip = 0;
        memory += sizeof(*piece) + piece->capacity;
    }
    ASSERT(at == m->size && memory == m->chain.memory);
}

/* Some of what is in the chain is sent before the next command. */
static void send_some(struct model *m)
{
    size_t sent = m->chain.bytes == 0 ? 0 : random_below(&m->random, m->chain.bytes + 1);
    if (random_below(&m->random, 4) == 0) {
        sent = m->chain.bytes;
    }
    // What was in the run is sent by now.
    m->size -= m->run.size;
    memmove(m->expected, m->expected + m->run.size, m->size);
    chain_consume(&m->chain, m->thread, sent);
    m->size -= sent;
    memmove(m->expected, m->expected + sent, m->size);
}

static void run(size_t write_max, size_t step_max, const char *test)
{
    struct model m;
    set_up(&m, test);
    for (int round = 0; round < ROUNDS; round++) {
        output_reset(&m.output);
        output_begin(&m.output, &m.chain);
        size_t steps = random_below(&m.random, step_max);
        for (size_t i = 0; i < steps; i++) {
            do_step(&m, write_max);
        }
        m.open = 0; // A list that stays open is one whose command failed.
        check(&m);
        send_some(&m);
        pool_quiesce(m.thread->pool);
    }
    chain_clear(&m.chain, m.thread);
    tear_down(&m);
}

TEST(short_replies_are_those_of_a_string)
{
    run(200, (size_t)2 * STEPS, "short");
}

TEST(long_replies_are_those_of_a_string)
{
    run(60000, STEPS, "long");
}
