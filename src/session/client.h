/* client.h - one connection and everything that belongs to it.
 *
 *             data                       requests               replies
 *   socket ───────> view / input ──────> batch ──> handlers ──> run / chain ──> socket
 *
 *   ready      has unread input and may execute             worker's ready queue
 *   suspended  waits for a lock or memory (parked) or a job (deferred): its input stays
 *   throttled  does not read its replies: its input stays, too
 *   closing    closes as soon as its replies are sent
 *   lingering  replies are sent, the stream is ended; waits for the peer's end for a while
 *   shut       given up; freed once the loop and what it waits for let go of it
 *
 * Unread input is either lent by the loop for this turn (view) or the client's own
 * (input), never both. Idle connections own no buffer at all.
 *
 * Threads: the worker that owns it. Others reach it through the worker's mailbox:
 *          `mail` is posted by whoever wakes `waiter`.
 */
#pragma once

#include "base/lock.h"
#include "base/mailbox.h"
#include "command/call.h"
#include "net/listener.h"
#include "net/loop.h"
#include "proto/request.h"
#include "session/output.h"

#include <stdbool.h>
#include <stdint.h>

enum mail_kind { MAIL_CONNECTION, MAIL_WOKEN, MAIL_JOB_DONE, MAIL_EXPIRY, MAIL_STOP };

/* What a worker's mailbox carries. */
struct mail {
    struct message message;
    enum mail_kind kind;
};

/* What the thread that owns clients lends to all of them. */
struct client_home {
    struct loop *loop;
    struct store_thread *store;
    struct mailbox mailbox;
    uint64_t now_ms; // Of its turn.
};

enum { CLIENT_NAME_MAX = 64 };

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
    struct parser parser;
    size_t parsed;   // Bytes of unread input that stand in the batch.
    size_t consumed; // Of these, executed.
    unsigned quota;  // Requests it may still execute in this turn.

    struct bytes run;   // Replies in the worker's arena,
    uint64_t run_turn;  // made in this turn of the worker; other turns' are gone.
    struct chain chain; // Replies after those.

    struct session session;
    struct waiter waiter;
    struct mail mail;

    bool is_ready, is_outgoing;   // Linked there.
    bool is_parked, is_deferred;  // Suspended.
    bool is_throttled, is_paused; // Paused: the loop does not read.
    bool is_sending;              // Of the chain; the loop will say when it is over.
    bool sends_run;               // The last send was of the run.
    bool has_ended;               // The peer sends no more.
    bool is_closing, is_shut, is_open;
    bool lingers;      // Closing: not before its peer's end, as that may still be sending.
    bool is_lingering; // Everything is sent; in the worker's ring of those.

    size_t dropped; // Bytes that came while it was closing.

    uint64_t created_ms, active_ms;
    char peer[LISTENER_ADDRESS_MAX];
    char name[CLIENT_NAME_MAX];
};

static inline bool client_is_suspended(const struct client *client)
{
    return client->is_parked || client->is_deferred;
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

/* Free it; nothing else holds it any more. */
void client_destroy(struct client *client);

/* Take in what arrived. False when out of memory. */
NODISCARD bool client_receive(struct client *client, struct bytes data);

/* The first `size` bytes of the unread input are done with. */
void client_consume(struct client *client, size_t size);

/* Move what the loop lent to memory of our own. False when out of memory. */
NODISCARD bool client_keep(struct client *client);

/* The client around its session, waiter or stream. */
struct client *client_of_session(struct session *session);
struct client *client_of_waiter(struct waiter *waiter);
struct client *client_of_stream(struct stream *stream);
struct client *client_of_mail(struct mail *mail);
