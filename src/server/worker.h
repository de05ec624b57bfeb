/* worker.h - one thread of the pool: an event loop that executes what it reads.
 *
 * A turn, for all its ready connections together:
 *
 *   loop_wait ──> mail ──> events ──> batches ──> sends queued ──> due keys removed
 *       ▲                             parse and hash; execute,            │
 *       │                             prefetching some keys ahead         │
 *       └─────────────────────────────────────────────────────────────────┘
 *
 * A turn executes at most WORKER_REQUESTS_PER_TURN requests of one connection;
 * the rest waits for the next turn, which then does not sleep.
 *
 * Threads: worker_start, worker_stop, worker_join and worker_connect are for the
 *          thread that runs the server; counters are read by any.
 */
#pragma once

#include "base/log.h"
#include "base/mailbox.h"
#include "command/call.h"
#include "server/background.h"
#include "server/client.h"
#include "server/config.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    WORKER_BATCH = 64, // Calls whose memory accesses overlap.
    WORKER_BATCH_ARGS = 512,
    WORKER_BATCH_TEXT = 16 * 1024, // Bytes of decoded words.
    WORKER_BATCH_KEYS = 256,
    WORKER_CALL_KEYS = 128, // A batch is executed when it has no room for so many.
    WORKER_REQUESTS_PER_TURN = 256,
};

/* Written by the worker (connections: by the server, too), read by all. */
struct command_counts {
    _Atomic uint64_t calls, failed, rejected;
    _Atomic uint64_t sampled_calls, sampled_ns; // Of one call in COMMAND_SAMPLE.
};

enum { COMMAND_SAMPLE = 64 };

struct worker_counts {
    _Atomic uint64_t commands, errors, bytes_in, bytes_out;
    _Atomic uint64_t suspended; // Clients that wait for a lock, memory or a job.
    _Atomic uint64_t output_limit_closes;
    struct command_counts *by_command; // By struct command's index.
};

struct server;

struct batch_slot {
    struct client *client;
    struct call call;
    size_t end; // Bytes of the client's unread input up to the request's end.
};

/* Clients in the order of arrival. */
struct client_queue {
    struct client *first;
    struct client **end; // The link that the next one goes to.
};

struct worker {
    struct server *server;
    unsigned index;
    pthread_t thread;
    struct loop *loop;
    struct store_thread *store;
    struct mailbox mailbox;
    struct mail expiry_mail, stop_mail;
    _Atomic bool expiry_posted;
    _Atomic unsigned connections; // Including those on the way here.

    struct client clients;        // Head of the ring of all clients.
    struct client_queue ready;    // Linked by next_ready.
    struct client_queue outgoing; // Linked by next_outgoing.
    struct output output;
    struct call_context context;

    struct batch_slot batch[WORKER_BATCH];
    unsigned batch_count;
    struct key keys[WORKER_BATCH_KEYS]; // Of its calls; context.space is what is left of them.
    uint32_t shards[WORKER_BATCH_KEYS];
    struct bytes args[WORKER_BATCH_ARGS];
    char text[WORKER_BATCH_TEXT];
    struct parse_space space; // What the batch has not used of `args` and `text`.

    uint64_t turn; // Counted from 1.
    uint64_t now_ms;
    uint64_t next_deadline_ms; // 0: none.
    bool looks_for_deadlines;  // The next deadline may have changed.
    bool stops;
    struct worker_counts counts;
};

/* Open the worker's loop and mailbox. 0 or negative errno. */
NODISCARD int worker_init(struct worker *worker, struct server *server, unsigned index);

/* Run its thread. 0 or negative errno. */
NODISCARD int worker_start(struct worker *worker);

/* Hand it a connection. 0, or -ENOMEM (the descriptor stays the caller's). */
NODISCARD int worker_connect(struct worker *worker, int fd, const char *peer, uint64_t id);

/* Let it answer what was read, close its connections and end. */
void worker_stop(struct worker *worker);

/* Wait until its thread has ended. */
void worker_join(struct worker *worker);

/* Free what worker_init made. Harmless on a zeroed worker. */
void worker_deinit(struct worker *worker);

/* A deadline earlier than this worker knows was set. From any thread. */
void worker_wake_for_expiry(struct worker *worker);

static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}
