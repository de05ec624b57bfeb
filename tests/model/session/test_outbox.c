/* test_outbox.c - replies of many clients through arena, chains and loop, against a kernel that
 * takes any number of bytes at any time, with a queue that is nearly always full.
 * The kernel compares each byte with what its client must be sent. */
#include "session/outbox.h"

#include "fake_kernel.h"
#include "harness.h"
#include "seed.h"
#include "unit.h"
#include "value/string/string_value.h"

#include <stdlib.h>

enum {
    CLIENTS = 40,
    ROUNDS = 20, // Each on a loop of its own.
    TURNS = 150,
    WRITE_MAX = 6000,
    LENT_MAX = 60 * 1000,
    BIG_MAX = 300 * 1000, // Some of them do not fit into the arena together.
    UNSENT_MAX = 1000 * 1000,
    GARBAGE = 0x5a,
};

struct client {
    struct stream stream;
    struct fake_socket *socket;
    struct outbox outbox;
    unsigned salt;
    size_t written; // Bytes of replies.
    bool is_outgoing, is_closing, is_shut, is_open;
};

struct world {
    struct random random;
    struct harness *harness;
    struct loop *loop;
    struct output output;
    struct client clients[CLIENTS];
};

static bool happens(struct world *world, unsigned percent)
{
    return random_below(&world->random, 100) < percent;
}

static void connect_client(struct world *world, struct client *client)
{
    unsigned salt = (unsigned)random_next(&world->random);
    *client = (struct client){.socket = fake_socket_open(salt), .salt = salt};
    int error = loop_add(world->loop, &client->stream, client->socket->fd);
    client->is_open = error == 0;
    if (error < 0) {
        fake_kernel.close(client->socket->fd);
    }
}

static void shut(struct world *world, struct client *client)
{
    client->is_shut = true;
    loop_shut(world->loop, &client->stream);
}

// ---- replies ----

static void fill(struct client *client, char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = fake_byte(client->salt, client->written + i);
    }
    client->written += size;
}

static void write_copied(struct world *world, struct client *client, size_t size)
{
    struct sink *sink = &world->output.to_chain.sink;
    char *at = sink_reserve(sink, size);
    if (at != NULL) {
        fill(client, at, size);
        sink_commit(sink, size);
    }
}

static void write_lent(struct world *world, struct client *client, size_t size)
{
    struct sink *sink = &world->output.to_chain.sink;
    struct string *string = string_create_unfilled(world->harness->thread->pool, size);
    if (string != NULL && !sink->failed) {
        fill(client, string->data, size);
        if (sink->ops->lend(sink, bytes_make(string->data, size), &string->value) < 0) {
            sink->failed = true;
            sink->end = sink->at;
        }
    } else if (string != NULL) {
        string_destroy(string, world->harness->thread->pool);
    }
}

/* A part of a batch: some replies in a row. */
static void write_replies(struct world *world, struct client *client)
{
    if (client->outbox.chain.bytes > UNSENT_MAX) {
        return;
    }
    outbox_open(&client->outbox, &world->output);
    for (uint64_t count = random_below(&world->random, 4); count > 0; count--) {
        if (happens(world, 20)) {
            write_lent(world, client, 1 + random_below(&world->random, LENT_MAX));
        } else {
            size_t max = happens(world, 5) ? BIG_MAX : WRITE_MAX;
            write_copied(world, client, 1 + random_below(&world->random, max));
        }
    }
    if (!outbox_close(&client->outbox, &world->output)) {
        shut(world, client);
    } else if (outbox_has_replies(&client->outbox)) {
        client->is_outgoing = true;
    }
}

/* What a background job hands over. */
static void splice_replies(struct world *world, struct client *client)
{
    struct chain chain = {0};
    struct store_thread *thread = world->harness->thread;
    char bytes[WRITE_MAX];
    size_t size = 1 + random_below(&world->random, sizeof(bytes));
    size_t before = client->written;
    fill(client, bytes, size);
    if (chain_append(&chain, thread, bytes_make(bytes, size)) < 0) {
        client->written = before;
        return;
    }
    chain_splice(&client->outbox.chain, &chain);
    client->is_outgoing = true;
}

// ---- turns ----

static void on_event(struct world *world, const struct loop_event *event)
{
    struct client *client = (struct client *)event->stream;
    if (event->kind == LOOP_CLOSED) {
        outbox_clear(&client->outbox, world->harness->thread);
        client->is_open = false;
    } else if (client->is_shut) {
        return;
    } else if (event->error < 0) {
        shut(world, client);
    } else if (event->kind == LOOP_SENT) {
        if (!outbox_on_sent(&client->outbox, &world->output, event->sent)) {
            shut(world, client);
        }
        client->is_outgoing = true;
    }
}

static void wait_for_turn(struct world *world)
{
    const struct loop_event *events;
    size_t count = 0;
    while (loop_wait(world->loop, 0, &events, &count) < 0) {
    }
    for (size_t i = 0; i < count; i++) {
        on_event(world, &events[i]);
    }
}

static void send_outgoing(struct world *world)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &world->clients[i];
        if (!client->is_outgoing || !client->is_open || client->is_shut) {
            continue;
        }
        enum outbox_outcome outcome = outbox_send(&client->outbox, &world->output, world->loop,
                                                  &client->stream, client->is_closing);
        client->is_outgoing = outcome == OUTBOX_AGAIN;
        if (outcome == OUTBOX_FAILED) {
            shut(world, client);
        } else if (outcome == OUTBOX_EMPTY && client->is_closing) {
            // Every reply was taken before the connection closes.
            ck_assert_uint_eq(client->socket->taken, client->written);
            shut(world, client);
        }
    }
}

static void act(struct world *world, struct client *client)
{
    if (!client->is_open) {
        connect_client(world, client);
    } else if (client->is_shut || client->is_closing) {
        return;
    } else if (happens(world, 1)) {
        shut(world, client);
    } else if (happens(world, 1)) {
        client->socket->is_broken = client->socket->has_edge_in = true;
    } else if (happens(world, 3)) {
        client->is_closing = client->is_outgoing = true;
    }
}

static void turn(struct world *world, bool writes)
{
    wait_for_turn(world);
    for (size_t i = 0; writes && i < CLIENTS; i++) {
        struct client *client = &world->clients[i];
        if (client->is_open && !client->is_shut && !client->is_closing && happens(world, 3)) {
            splice_replies(world, client);
        }
    }
    size_t used = (size_t)(world->output.arena_at - world->output.arena);
    output_reset(&world->output);
    memset(world->output.arena, GARBAGE, used);
    for (size_t i = 0; writes && i < CLIENTS; i++) {
        act(world, &world->clients[i]);
    }
    for (size_t i = 0; writes && i < CLIENTS; i++) {
        struct client *client = &world->clients[i];
        // In a row, as the requests of a batch.
        for (int part = 0; part < 2; part++) {
            if (client->is_open && !client->is_shut && !client->is_closing && happens(world, 40)) {
                write_replies(world, client);
            }
        }
    }
    send_outgoing(world);
}

static bool owes(const struct world *world)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        const struct client *client = &world->clients[i];
        if (client->is_open && !client->is_shut && !client->socket->is_broken &&
            outbox_owes(&client->outbox, &world->output)) {
            return true;
        }
    }
    return false;
}

static void close_all(struct world *world)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &world->clients[i];
        if (client->is_open && !client->is_shut) {
            if (!client->socket->is_broken) {
                ck_assert_uint_eq(client->socket->taken, client->written);
            }
            shut(world, client);
        }
    }
    size_t open = 1;
    for (int patience = 0; open > 0; patience++) {
        ck_assert_int_lt(patience, 10000);
        turn(world, false);
        open = 0;
        for (size_t i = 0; i < CLIENTS; i++) {
            open += world->clients[i].is_open;
        }
    }
}

static void round_on(struct world *world, enum loop_kind kind)
{
    const struct fake_chances chances = {
        .short_send = 30, .failed_wait = 5, .partial_submit = 20, .no_memory = 10};
    fake_kernel_open(&world->random, &chances);
    const struct loop_options options = {
        .kind = kind,
        .queue_entries = 4U << random_below(&world->random, 6),
        .kernel = &fake_kernel,
    };
    ck_assert_int_eq(loop_open_with(&options, &world->loop, NULL), 0);
    ck_assert_int_eq(output_init(&world->output, world->harness->thread, (size_t)UNSENT_MAX * 2),
                     0);
    for (int i = 0; i < TURNS; i++) {
        turn(world, true);
    }
    for (int patience = 0; owes(world); patience++) {
        ck_assert_int_lt(patience, 10000);
        turn(world, false);
    }
    close_all(world);
    output_deinit(&world->output);
    loop_close(world->loop);
}

static void run(enum loop_kind kind)
{
    static struct world world;
    world.random = seed_random("session/outbox");
    world.harness = harness_create();
    for (int i = 0; i < ROUNDS; i++) {
        round_on(&world, kind);
    }
    harness_destroy(world.harness);
}

TEST(each_client_gets_its_own_replies_on_epoll)
{
    run(LOOP_EPOLL);
}

TEST(each_client_gets_its_own_replies_on_io_uring)
{
    run(LOOP_URING);
}
