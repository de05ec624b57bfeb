/* client.h - one connection and everything that belongs to it.
 *
 *             data                       requests               replies
 *   socket ───────> view / input ──────> batch ──> handlers ──> outbox ──> socket
 *
 *   phase   open ──> closing ──> lingering ──> shut      each perhaps left out
 *             open     executes what it sends
 *             closing  closes as soon as its replies are sent
 *             lingering  replies are sent, the stream is ended; waits for the peer's end
 *             shut     given up; freed once the loop lets go of it
 *   wait    for at most one thing; meanwhile its input stays
 *             reader   has many unread replies
 *             lock     parked on a shard or a value
 *             memory   parked until there is some
 *             job      a background thread answers
 *
 * It executes when it is open and waits for nothing. Every wait ends early when the client is
 * shut: what was parked or deferred stays behind without it (client_withdraw).
 *
 * Unread input is either lent by the loop for this turn (view) or the client's own
 * (input), never both. Idle connections own no buffer at all.
 *
 * Threads: the worker that owns it. Others reach it through the worker's mailbox.
 */
#pragma once

#include "base/mailbox.h"
#include "command/call.h"
#include "net/listener.h"
#include "net/loop.h"
#include "proto/request.h"
#include "session/client_budget.h"
#include "session/client_waiter.h"
#include "session/outbox.h"

#include <stdbool.h>
#include <stdint.h>

enum client_phase { CLIENT_OPEN, CLIENT_CLOSING, CLIENT_LINGERING, CLIENT_SHUT };

enum client_wait {
    CLIENT_WAITS_NOT,
    CLIENT_WAITS_FOR_READER,
    CLIENT_MOVES,          // Its request goes to the background once its part of the batch is over.
    CLIENT_WAITS_FOR_LOCK, // From here on it is suspended.
    CLIENT_WAITS_FOR_MEMORY,
    CLIENT_WAITS_FOR_JOB,
};

/* What the thread that owns clients lends to all of them. */
struct client_home {
    struct loop *loop;
    struct store_thread *store;
    struct mailbox mailbox;
    uint64_t now_ms;       // Wall clock of its turn.
    uint64_t monotonic_ms; // Of its turn, for durations.
};

enum {
    CLIENT_TEXTS = 3,            // What it says of itself: client_list.h.
    CLIENT_TEXT_MAX = 16 * 1024, // Bytes of each.
    CLIENT_INLINE_MAX = 4 * 1024 * 1024,
};

/* Bytes of the client's own, from the pool. */
struct client_owned {
    char *data;
    size_t size; // 0: none.
};

/* Ties a job to who asked for it; the job's. */
struct client_job {
    struct client *client;     // Of the worker's thread; NULL: it has left.
    _Atomic bool is_cancelled; // The same, for the job's thread.
};

struct client {
    struct stream stream;
    struct client_home *home;
    struct client *prev, *next; // All clients of the worker, the least active first.
    struct client *next_ready;
    struct client *next_turn;
    struct client *next_outgoing;

    struct bytes view; // Unread input lent until the next loop_wait.
    char *input;       // Unread input of our own, from input_start on.
    size_t input_start, input_size, input_capacity;
    bool receives_directly; // The loop receives to the end of `input`.
    struct parser parser;
    size_t parsed;     // Bytes of unread input that stand in the batch.
    size_t consumed;   // Of these, executed.
    unsigned quota;    // Requests it may still execute in this turn.
    size_t inline_max; // Bytes of a request that is executed by the worker itself.

    struct outbox outbox;

    struct session session;
    struct client_waiter *waiter; // Parked when a call has to wait.
    struct client_job *job;       // Deferred: what ties the job to it.
    struct client_share share;

    uint8_t phase;              // enum client_phase
    uint8_t wait;               // enum client_wait
    bool is_ready, is_outgoing; // Linked there.
    bool is_open, is_paused;    // The loop has it; it does not read.
    bool has_ended;             // The peer sends no more.
    bool lingers;               // Closing: not before its peer's end, as that may be sending.

    size_t dropped; // Bytes that came while it was closing.

    uint64_t created_ms, active_ms; // Monotonic.
    char peer[LISTENER_ADDRESS_MAX];
    struct client_owned texts[CLIENT_TEXTS];
    size_t text_bytes; // Of them all.
    const struct command *last_command;
};

static inline bool client_is_suspended(const struct client *client)
{
    return client->wait >= CLIENT_WAITS_FOR_LOCK;
}

/* Open, and waiting for nothing. Without branches: asked for every request. */
static inline bool client_may_execute(const struct client *client)
{
    return (client->phase | client->wait) == 0;
}

/* Unread input. */
static inline struct bytes client_pending(const struct client *client)
{
    if (client->view.size > 0) {
        return client->view;
    }
    if (client->input == NULL) {
        return bytes_make(NULL, 0);
    }
    return bytes_make(client->input + client->input_start,
                      client->input_size - client->input_start);
}

/* A connection of `home` over the socket `fd`, received from at once; NULL when out
 * of resources (the descriptor stays the caller's). */
struct client *client_create(struct client_home *home, int fd, const char *peer, uint64_t id);

/* Free it; the loop has let go of it. */
void client_destroy(struct client *client);

/* What its call parked itself for. */
void client_park(struct client *client);

/* It waits for nothing any more: what it was parked on or asked for is left behind. False when
 * there was no memory to replace that; then it can only be shut. */
NODISCARD bool client_withdraw(struct client *client);

/* Free one of its texts. */
void client_free_text(struct client *client, struct client_owned *text);

/* Free the buffers of a client that is shut, as far as the kernel does not read them. */
void client_free_buffers(struct client *client);

/* Bytes of its buffers, and of what it has not been told or has not told in full. */
static inline size_t client_memory(const struct client *client)
{
    return client->input_capacity + client->outbox.chain.memory + client->text_bytes;
}

static inline size_t client_unsent(const struct client *client)
{
    return client->input_capacity + client->outbox.chain.bytes + client->text_bytes;
}

/* Take in what arrived, with at most `bytes_max` of unread input. 0, -ENOMEM or -ENOBUFS. */
NODISCARD int client_receive(struct client *client, struct bytes data, uint64_t bytes_max);

/* The first `size` bytes of the unread input are done with. */
void client_consume(struct client *client, size_t size);

/* Input that was taken from a client, for another thread. */
struct detached_input {
    char *block;
    size_t capacity;
    size_t start;
};

/* Take the first `size` bytes of the unread input out; what follows them stays. False when out
 * of memory, with nothing changed. */
NODISCARD bool client_detach(struct client *client, size_t size,
                             struct detached_input *detached_out);

static inline struct bytes detached_bytes(const struct detached_input *detached, size_t size)
{
    return bytes_make(detached->block + detached->start, size);
}

/* Free it, to the pool of any thread. */
void detached_free(struct detached_input *detached, struct pool *pool);

/* Move what the loop lent to memory of our own. False when out of memory. */
NODISCARD bool client_keep(struct client *client);

/* After a turn: let the rest of a long request be received where it has to be in the end. */
void client_receive_directly(struct client *client);

/* The client around its session, stream or the mail of its share. */
struct client *client_of_session(struct session *session);
struct client *client_of_stream(struct stream *stream);
struct client *client_of_condemned(struct mail *mail);
