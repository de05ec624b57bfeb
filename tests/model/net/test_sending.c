/* test_sending.c - whose bytes a send holds, and the account of what was taken (and of what is
 * received into a client's own memory), against a kernel
 * that takes any number of bytes at any time and a queue that is nearly always full.
 *
 * Each client has a stream of bytes of its own to send. What was sent once lies in an arena
 * that is overwritten as soon as a turn has begun; what a waiting send holds is overwritten
 * and freed with its LOOP_SENT. The kernel compares each byte that it takes. */
#include "fake_kernel.h"
#include "net/loop.h"
#include "seed.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

enum {
    CLIENTS = 40,
    ROUNDS = 60, // Each on a loop of its own.
    TURNS = 200,
    ARENA_SIZE = 256 * 1024,
    SEND_MAX = 3000,
    OWED_MAX = 64 * 1024,
    TARGET_MAX = 100 * 1000, // Small ones io_uring may pass over.
    GARBAGE = 0x5a,
};

enum sending { SENDING_NOTHING, SENDING_ONCE, SENDING_WAIT };

struct client {
    struct stream stream;
    struct fake_socket *socket;
    unsigned salt;
    size_t sent;     // Bytes taken, as the loop tells.
    size_t produced; // Bytes it has to send.
    size_t received;
    enum sending mode;
    size_t sending; // Bytes of the send under way,
    char *waiting;  // which are here when it waits.
    char *target;   // What it receives goes here, or elsewhere.
    bool is_paused, is_shut, is_open, has_ended;
};

struct world {
    struct loop *loop;
    struct random random;
    struct client clients[CLIENTS];
    char arena[ARENA_SIZE];
    size_t arena_used;
};

static void fill(const struct client *client, char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = fake_byte(client->salt, client->sent + i);
    }
}

static void connect_client(struct world *world, struct client *client)
{
    unsigned salt = (unsigned)random_next(&world->random);
    *client = (struct client){.socket = fake_socket_open(salt), .salt = salt};
    int error = loop_add(world->loop, &client->stream, client->socket->fd);
    ck_assert(error == 0 || error == -ENOMEM);
    client->is_open = error == 0;
    if (error < 0) {
        fake_kernel.close(client->socket->fd); // It stayed ours.
    }
}

/* Cut `size` bytes into parts of any size, also empty ones. */
// NOLINTNEXTLINE(readability-non-const-parameter): a struct iovec wants it so.
static unsigned cut(struct world *world, char *bytes, size_t size, struct iovec *parts)
{
    unsigned count = random_below(&world->random, 2) == 0
                         ? 1
                         : 1 + (unsigned)random_below(&world->random, LOOP_SEND_PARTS_MAX);
    for (unsigned i = 0; i < count; i++) {
        size_t here = i + 1 == count ? size : random_below(&world->random, size + 1);
        parts[i] = (struct iovec){.iov_base = bytes, .iov_len = here};
        bytes += here;
        size -= here;
    }
    return count;
}

static void send_some(struct world *world, struct client *client)
{
    size_t size = client->produced - client->sent;
    if (size == 0 || client->mode != SENDING_NOTHING) {
        return;
    }
    size = size < SEND_MAX ? size : SEND_MAX;
    bool once = random_below(&world->random, 2) == 0 && world->arena_used + size <= ARENA_SIZE;
    char *bytes = once ? world->arena + world->arena_used : malloc(size);
    ck_assert_ptr_nonnull(bytes);
    fill(client, bytes, size);
    struct iovec parts[LOOP_SEND_PARTS_MAX];
    unsigned count = cut(world, bytes, size, parts);
    client->mode = once ? SENDING_ONCE : SENDING_WAIT;
    client->sending = size;
    client->waiting = once ? NULL : bytes;
    world->arena_used += once ? size : 0;
    loop_send(world->loop, &client->stream, parts, count, once ? LOOP_SEND_ONCE : LOOP_SEND_WAIT);
    memset(parts, GARBAGE, sizeof(parts)); // The array was copied.
}

static void end_send(struct client *client, size_t sent)
{
    ck_assert_uint_le(sent, client->sending);
    client->sent += sent;
    client->mode = SENDING_NOTHING;
    if (client->waiting != NULL) {
        memset(client->waiting, GARBAGE, client->sending);
        free(client->waiting);
        client->waiting = NULL;
    }
}

static void shut(struct world *world, struct client *client)
{
    loop_shut(world->loop, &client->stream);
    client->is_shut = true;
}

/* Take the target away, which may be written to no more, and perhaps give another. */
static void change_target(struct world *world, struct client *client)
{
    size_t size = 1 + random_below(&world->random, TARGET_MAX);
    free(client->target);
    client->target = random_below(&world->random, 3) == 0 ? NULL : malloc(size);
    loop_receive_into(world->loop, &client->stream, client->target,
                      client->target == NULL ? 0 : size);
}

static void on_sent(struct world *world, struct client *client, const struct loop_event *event)
{
    ck_assert_int_ne(client->mode, SENDING_NOTHING);
    if (event->error < 0) {
        ck_assert(client->socket->is_broken || event->error == -ENOMEM);
        shut(world, client);
        return;
    }
    if (client->mode == SENDING_ONCE) {
        ck_assert_uint_lt(event->sent, client->sending);
    } else {
        ck_assert_uint_gt(event->sent, 0);
    }
    end_send(client, event->sent);
    ck_assert_uint_eq(client->sent, client->socket->taken);
}

static void on_data(struct client *client, struct bytes data)
{
    ck_assert(!client->has_ended);
    size_t same = 0;
    while (same < data.size &&
           data.data[same] == fake_byte(client->salt, client->received + same)) {
        same++;
    }
    ck_assert_uint_eq(same, data.size);
    client->received += data.size;
}

static void on_event(struct world *world, const struct loop_event *event)
{
    struct client *client = (struct client *)event->stream;
    ck_assert(client->is_open);
    if (event->kind == LOOP_CLOSED) {
        ck_assert(client->is_shut);
        client->is_open = false;
        free(client->target);
        client->target = NULL;
        if (client->mode != SENDING_NOTHING) {
            end_send(client, 0);
        }
    } else if (client->is_shut) {
        return; // Lent in the turn in which it was shut.
    } else if (event->kind == LOOP_SENT) {
        on_sent(world, client, event);
    } else if (event->kind == LOOP_DATA) {
        on_data(client, event->data);
    } else {
        ck_assert_int_eq(event->kind, LOOP_END);
        client->has_ended = true;
        ck_assert(client->socket->peer_ended || client->socket->is_broken);
        ck_assert(client->socket->is_broken || client->received == client->socket->written);
        if (event->error < 0) {
            shut(world, client);
        }
    }
}

/* Until it succeeds nothing of the turn before may be overwritten. */
static size_t wait_for_turn(struct world *world, const struct loop_event **events)
{
    size_t count = 0;
    int error;
    do {
        error = loop_wait(world->loop, 0, events, &count);
        ck_assert(error == 0 || error == -ENOMEM);
    } while (error < 0);
    return count;
}

static void turn(struct world *world)
{
    const struct loop_event *events;
    size_t count = wait_for_turn(world, &events);
    memset(world->arena, GARBAGE, world->arena_used);
    world->arena_used = 0;
    size_t at = 0;
    while (at < count && events[at].kind != LOOP_DATA && events[at].kind != LOOP_END) {
        on_event(world, &events[at++]);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &world->clients[i];
        if (client->mode == SENDING_ONCE && !client->is_shut) {
            end_send(client, client->sending);
            ck_assert_uint_eq(client->sent, client->socket->taken);
        }
    }
    for (; at < count; at++) {
        on_event(world, &events[at]);
    }
}

static void act(struct world *world, struct client *client)
{
    uint64_t choice = random_below(&world->random, 100);
    if (!client->is_open) {
        connect_client(world, client);
    } else if (client->is_shut) {
        return;
    } else if (choice < 5) {
        change_target(world, client);
    } else if (choice < 20 && !client->socket->peer_ended) {
        fake_socket_write(client->socket, 1 + random_below(&world->random, 10000));
    } else if (choice < 70) {
        if (client->produced - client->sent < OWED_MAX) {
            client->produced += 1 + random_below(&world->random, SEND_MAX);
        }
    } else if (choice < 78) {
        loop_pause(world->loop, &client->stream);
    } else if (choice < 96) {
        loop_resume(world->loop, &client->stream);
    } else if (choice < 97) {
        client->socket->peer_ended = client->socket->has_edge_in = true;
    } else if (choice < 98) {
        client->socket->is_broken = client->socket->has_edge_in = true;
    } else if (choice < 99) {
        shut(world, client);
    }
}

static bool owes_nothing(const struct world *world)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        const struct client *client = &world->clients[i];
        if (client->is_open && !client->is_shut && !client->socket->is_broken &&
            client->sent < client->produced) {
            return false;
        }
    }
    return true;
}

static void send_all(struct world *world)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &world->clients[i];
        if (client->is_open && !client->is_shut && random_below(&world->random, 3) > 0) {
            send_some(world, client);
        }
    }
}

static void close_all(struct world *world)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        if (world->clients[i].is_open && !world->clients[i].is_shut) {
            shut(world, &world->clients[i]);
        }
    }
    size_t open = CLIENTS;
    for (int patience = 0; open > 0; patience++) {
        ck_assert_int_lt(patience, 10000);
        turn(world);
        open = 0;
        for (size_t i = 0; i < CLIENTS; i++) {
            open += world->clients[i].is_open;
        }
    }
}

static void round_on(struct world *world, enum loop_kind kind)
{
    const struct fake_chances chances = {
        .short_send = 30, .failed_wait = 5, .partial_submit = 20, .no_memory = 30};
    fake_kernel_open(&world->random, &chances);
    const struct loop_options options = {
        .kind = kind,
        .queue_entries = 4U << random_below(&world->random, 6),
        .kernel = &fake_kernel,
    };
    ck_assert_int_eq(loop_open_with(&options, &world->loop, NULL), 0);
    for (int i = 0; i < TURNS; i++) {
        for (uint64_t acts = random_below(&world->random, CLIENTS); acts > 0; acts--) {
            act(world, &world->clients[random_below(&world->random, CLIENTS)]);
        }
        send_all(world);
        turn(world);
    }
    for (int patience = 0; !owes_nothing(world); patience++) {
        ck_assert_int_lt(patience, 10000);
        send_all(world);
        turn(world);
    }
    close_all(world);
    loop_close(world->loop);
}

static void run(enum loop_kind kind)
{
    static struct world world;
    world.random = seed_random("net/sending");
    for (int i = 0; i < ROUNDS; i++) {
        round_on(&world, kind);
    }
}

TEST(each_send_holds_its_own_bytes_on_epoll)
{
    run(LOOP_EPOLL);
}

TEST(each_send_holds_its_own_bytes_on_io_uring)
{
    run(LOOP_URING);
}
