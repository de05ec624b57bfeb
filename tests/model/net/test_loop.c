/* test_loop.c - an echo server under random pauses, bursts, slow readers and closing,
 * against what each connection must get back. */
#include "net/loop.h"

#include "seed.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS = 60,
    TURNS = 6000,
    BURST_MAX = 200 * 1024,
    BACKLOG_PAUSE = 512 * 1024,
    BACKLOG_MAX = 8 * 1024 * 1024, // What pauses a connection, and a turn's input beyond that.
};

enum sending { SENDING_NOTHING, SENDING_ONCE, SENDING_WAIT };

/* Both ends. Byte i of either direction is pattern(i), plus the connection's salt. */
struct connection {
    struct stream stream;
    int peer;
    unsigned salt;
    size_t written;  // by the peer
    size_t received; // by the loop
    size_t sent;     // by the loop
    size_t read;     // by the peer
    size_t sending;  // bytes of the send under way
    enum sending mode;
    bool is_paused, is_shut, is_closed, has_ended, peer_has_ended;
    char *backlog; // Received and not yet sent; stays in place while a send waits.
    size_t backlog_size;
};

struct world {
    struct loop *loop;
    struct random random;
    struct connection connections[CONNECTIONS];
};

static char pattern(const struct connection *c, size_t at)
{
    return (char)(at * 31 + (at >> 8) * 7 + (at >> 16) + c->salt);
}

static size_t matching(const struct connection *c, size_t at, const char *bytes, size_t size)
{
    size_t same = 0;
    while (same < size && bytes[same] == pattern(c, at + same)) {
        same++;
    }
    return same;
}

static void connect_one(struct world *world, struct connection *c)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    char *backlog = c->backlog;
    *c = (struct connection){
        .peer = fds[1], .salt = (unsigned)random_next(&world->random), .backlog = backlog};
    ck_assert_int_eq(loop_add(world->loop, &c->stream, fds[0]), 0);
}

static void peer_writes(struct world *world, struct connection *c)
{
    static char bytes[BURST_MAX];
    size_t size =
        1 + random_below(&world->random, random_below(&world->random, 4) == 0 ? BURST_MAX : 100);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern(c, c->written + i);
    }
    ssize_t taken = write(c->peer, bytes, size);
    c->written += taken > 0 ? (size_t)taken : 0;
}

static void peer_reads(struct world *world, struct connection *c)
{
    static char bytes[BURST_MAX];
    ssize_t size = read(c->peer, bytes, 1 + random_below(&world->random, sizeof(bytes)));
    if (size > 0) {
        ck_assert_uint_eq(matching(c, c->read, bytes, (size_t)size), (size_t)size);
        c->read += (size_t)size;
    }
}

static void begin_send(struct world *world, struct connection *c, enum sending mode)
{
    struct iovec parts[3];
    unsigned count = 1 + (unsigned)random_below(&world->random, c->backlog_size < 3 ? 1 : 3);
    size_t part = c->backlog_size / count;
    for (unsigned i = 0; i < count; i++) {
        parts[i] = (struct iovec){.iov_base = c->backlog + i * part, .iov_len = part};
    }
    parts[count - 1].iov_len = c->backlog_size - (count - 1) * part;
    c->mode = mode;
    c->sending = c->backlog_size;
    loop_send(world->loop, &c->stream, parts, count,
              mode == SENDING_ONCE ? LOOP_SEND_ONCE : LOOP_SEND_WAIT);
}

static void consume(struct connection *c, size_t size)
{
    ck_assert_uint_le(size, c->sending);
    c->sent += size;
    c->backlog_size -= size;
    memmove(c->backlog, c->backlog + size, c->backlog_size);
    c->mode = SENDING_NOTHING;
}

static void shut(struct world *world, struct connection *c)
{
    loop_shut(world->loop, &c->stream);
    c->is_shut = true;
}

static void on_data(struct connection *c, struct bytes data)
{
    ck_assert_uint_gt(data.size, 0);
    ck_assert(!c->has_ended);
    ck_assert_uint_eq(matching(c, c->received, data.data, data.size), data.size);
    ck_assert_uint_le(c->backlog_size + data.size, BACKLOG_MAX);
    c->received += data.size;
    memcpy(c->backlog + c->backlog_size, data.data, data.size);
    c->backlog_size += data.size;
}

static void on_event(const struct loop_event *event)
{
    struct connection *c = (struct connection *)event->stream;
    ck_assert(!c->is_closed);
    if (event->kind == LOOP_CLOSED) {
        ck_assert(c->is_shut);
        c->is_closed = true;
        close(c->peer);
        return;
    }
    if (c->is_shut) {
        return; // Lent in the turn in which it was shut.
    }
    switch (event->kind) {
    case LOOP_DATA:
        on_data(c, event->data);
        break;
    case LOOP_END:
        ck_assert(!c->has_ended);
        ck_assert_int_eq(event->error, 0);
        ck_assert_uint_eq(c->received, c->written);
        c->has_ended = true;
        break;
    case LOOP_SENT:
        ck_assert_int_eq(event->error, 0);
        ck_assert_int_ne(c->mode, SENDING_NOTHING);
        if (c->mode == SENDING_ONCE) {
            ck_assert_uint_lt(event->sent, c->sending);
        } else {
            ck_assert_uint_gt(event->sent, 0); // See loop.h: the rest is sent again.
            ck_assert_uint_le(event->sent, c->sending);
        }
        consume(c, event->sent);
        break;
    default:
        ck_abort_msg("an event nobody asked for");
    }
}

/* One turn of the loop; sends tried once are over, whole unless something else was said. */
static size_t turn(struct world *world, int64_t timeout_us)
{
    const struct loop_event *events;
    size_t count;
    ck_assert_int_eq(loop_wait(world->loop, timeout_us, &events, &count), 0);
    size_t at = 0;
    while (at < count && events[at].kind != LOOP_DATA && events[at].kind != LOOP_END) {
        on_event(&events[at++]);
    }
    for (size_t i = at; i < count; i++) {
        const struct connection *c = (const struct connection *)events[i].stream;
        if (events[i].kind == LOOP_SENT) {
            ck_assert_int_eq(c->mode, SENDING_WAIT);
        }
    }
    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct connection *c = &world->connections[i];
        if (c->mode == SENDING_ONCE) {
            consume(c, c->sending);
        }
    }
    for (; at < count; at++) {
        on_event(&events[at]);
    }
    return count;
}

static void act(struct world *world, struct connection *c)
{
    uint64_t choice = random_below(&world->random, 100);
    if (c->is_closed) {
        connect_one(world, c);
    } else if (c->is_shut) {
        return;
    } else if (choice < 40 && !c->peer_has_ended) {
        peer_writes(world, c);
    } else if (choice < 70) {
        peer_reads(world, c);
    } else if (choice < 78) {
        c->is_paused = true;
        loop_pause(world->loop, &c->stream);
    } else if (choice < 96) {
        c->is_paused = false;
        loop_resume(world->loop, &c->stream);
    } else if (choice < 98 && !c->peer_has_ended) {
        c->peer_has_ended = true;
        ck_assert_int_eq(shutdown(c->peer, SHUT_WR), 0);
    } else if (choice == 99) {
        shut(world, c);
    }
}

static void echo(struct world *world, struct connection *c)
{
    if (c->is_shut || c->is_closed) {
        return;
    }
    if (c->backlog_size > 0 && c->mode == SENDING_NOTHING) {
        begin_send(world, c, random_below(&world->random, 3) == 0 ? SENDING_WAIT : SENDING_ONCE);
    }
    if (c->backlog_size > BACKLOG_PAUSE && !c->is_paused) {
        c->is_paused = true;
        loop_pause(world->loop, &c->stream);
    }
}

/* Let everything arrive: each peer gets back all that it wrote. */
static void drain(struct world *world)
{
    bool is_done = false;
    for (int patience = 0; !is_done; patience++) {
        ck_assert_int_lt(patience, 100000);
        is_done = true;
        for (size_t i = 0; i < CONNECTIONS; i++) {
            struct connection *c = &world->connections[i];
            if (c->is_shut || c->is_closed) {
                continue;
            }
            if (c->backlog_size <= BACKLOG_PAUSE) {
                c->is_paused = false;
                loop_resume(world->loop, &c->stream);
            }
            peer_reads(world, c);
            echo(world, c);
            is_done = is_done && c->read == c->written && c->mode == SENDING_NOTHING;
        }
        turn(world, 0);
    }
}

static void run(enum loop_kind kind)
{
    static struct world world;
    if (loop_open(kind, &world.loop, NULL) < 0) {
        ck_assert_int_eq(kind, LOOP_URING);
        return; // io_uring is refused here.
    }
    world.random = seed_random("net/loop");
    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct connection *c = &world.connections[i];
        c->backlog = malloc(BACKLOG_MAX);
        ck_assert_ptr_nonnull(c->backlog);
        connect_one(&world, c);
    }
    for (int i = 0; i < TURNS; i++) {
        for (uint64_t acts = random_below(&world.random, CONNECTIONS / 2); acts > 0; acts--) {
            act(&world, &world.connections[random_below(&world.random, CONNECTIONS)]);
        }
        for (size_t j = 0; j < CONNECTIONS; j++) {
            echo(&world, &world.connections[j]);
        }
        turn(&world, 0);
    }
    drain(&world);
    size_t open = 0;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        if (!world.connections[i].is_shut) {
            shut(&world, &world.connections[i]);
        }
        open += !world.connections[i].is_closed;
    }
    while (open > 0) {
        open -= turn(&world, 10 * INT64_C(1000000));
    }
    loop_close(world.loop);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        free(world.connections[i].backlog);
    }
}

TEST(random_echoing_loses_nothing_on_epoll)
{
    run(LOOP_EPOLL);
}

TEST(random_echoing_loses_nothing_on_io_uring)
{
    run(LOOP_URING);
}
