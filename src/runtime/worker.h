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

#include "base/counter.h"
#include "base/mailbox.h"
#include "command/call.h"
#include "runtime/background.h"
#include "runtime/worker_services.h"
#include "session/client.h"

#include <pthread.h>
#include <semaphore.h>
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
    counter calls, failed, rejected;
    counter sampled_calls, sampled_ns; // Of one call in COMMAND_SAMPLE.
};

enum { COMMAND_SAMPLE = 64 };

struct worker_counts {
    counter commands, errors, bytes_in, bytes_out;
    counter suspended; // Clients that wait for a lock, memory or a job.
    counter output_limit_closes, query_limit_closes, budget_closes;
    struct command_counts *by_command; // By struct command's index.
};

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

/* What the worker unlinked, on its way to be freed. One at a time, so that no memory is needed
 * to free memory. */
struct trash_job {
    struct job job;
    struct mail mail; // Sent when it is freed.
    struct worker *worker;
    struct trash trash;
    bool is_posted;
};

struct worker {
    struct client_home home; // Its loop, pool, mailbox and clock.
    const struct worker_services *services;
    unsigned index;
    pthread_t thread;
    sem_t started; // Posted once the loop is open, or is not:
    int start_error;
    struct mail look_again_mail, stop_mail;
    _Atomic bool look_again_posted;
    struct trash_job trash;
    _Atomic unsigned connections; // Including those on the way here.

    struct client clients;        // Head of the ring of all clients.
    struct client lingering;      // Of those that only wait for their peer's end, by time.
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

    uint64_t output_pause;     // Unsent replies at which a client executes no more; of the turn.
    uint64_t query_bytes_max;  // Unread input of a client; of the turn.
    uint64_t timeout_s;        // Idle clients are closed after it; of the turn.
    uint64_t next_deadline_ms; // 0: none.
    uint64_t http_warned_ms;   // When it last logged that a client sent HTTP; 0: never.
    bool looks_for_deadlines;  // The next deadline may have changed.
    bool stops;
    struct log_limiter output_log, query_log, budget_log;
    struct worker_counts counts;
};

/* Open the worker's loop and mailbox. 0 or negative errno. */
NODISCARD int worker_init(struct worker *worker, const struct worker_services *services,
                          unsigned index);

/* Run its thread; returns when its loop is open. 0 or negative errno. */
NODISCARD int worker_start(struct worker *worker);

/* Hand it a connection. 0, or -ENOMEM (the descriptor stays the caller's). */
NODISCARD int worker_connect(struct worker *worker, int fd, const char *peer, uint64_t id);

/* Let it answer what was read, close its connections and end. */
void worker_stop(struct worker *worker);

/* Wait until its thread has ended. */
void worker_join(struct worker *worker);

/* Free what worker_init made. Harmless on a zeroed worker. */
void worker_deinit(struct worker *worker);

/* A deadline earlier than this worker knows was set, or the wall clock or a limit was: it looks
 * again at when it has something to do. From any thread. */
void worker_look_again(struct worker *worker);
