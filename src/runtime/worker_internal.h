/* worker_internal.h - the parts of a worker's turn, split over several files. */
#pragma once

#include "runtime/worker.h"

enum {
    PENDING_PAUSE = 256 * 1024, // Unread input at which a connection that cannot go on is
                                // no longer received from.
    OUTPUT_PAUSE = 256 * 1024,  // Unsent replies at which it executes no more while
                                // clients hold much together.
};

/* Take all clients out of a queue: the first, linked to the others. */
struct client *worker_take(struct client_queue *queue);

/* Queue a client for execution in this turn, or the next one. */
void worker_ready(struct worker *worker, struct client *client);

/* Queue a client for sending at the end of the turn. */
void worker_outgoing(struct worker *worker, struct client *client);

/* Receive no more from a client that has much unread input and cannot go on now. */
void worker_pause_if_full(struct worker *worker, struct client *client);

/* A suspended client may go on. */
void worker_resume(struct worker *worker, struct client *client);

/* Close a client: nothing more is read, executed or sent, and it waits for nothing. */
void worker_shut(struct worker *worker, struct client *client);

/* Move a client from its ring to the end of the one with this head. */
void worker_move(struct client *client, struct client *head);

/* linger.c: everything is sent: shut a closing client, or wait for its peer's end first if it
 * lingers. */
void worker_close(struct worker *worker, struct client *client);

/* linger.c: bytes came for a closing client. */
void worker_drop_input(struct worker *worker, struct client *client, size_t size);

/* linger.c: when the first of the lingering has lingered enough; 0: none does. */
uint64_t worker_linger_until_ms(const struct worker *worker);

/* linger.c: shut those that have, or all. */
void worker_end_lingering(struct worker *worker, bool all);
/* A client was active: with a time-out, the ring stays in order. */
void worker_touch(struct worker *worker, struct client *client);

/* limits.c: take in the limits of this turn. */
void worker_read_limits(struct worker *worker);

/* limits.c: close clients that have been idle for too long, parked ones, too; one that a
 * background thread works for is not idle. */
void worker_close_idle(struct worker *worker);

/* limits.c: as worker_shut, for a limit: counted, and told in the log, but not every time. */
enum worker_limit { WORKER_LIMIT_OUTPUT, WORKER_LIMIT_QUERY, WORKER_LIMIT_BUDGET };
void worker_shut_for(struct worker *worker, struct client *client, enum worker_limit limit);

/* limits.c: what a client makes the server keep may have changed. */
void worker_account(struct worker *worker, struct client *client);

/* Free a shut client if nothing holds it any more. */
void worker_free_if_idle(struct worker *worker, struct client *client);

/* batch.c: execute what the ready clients have sent, at most their quota each. */
void worker_execute(struct worker *worker);

/* job.c: room that a job needs before a deferred call's state. */
size_t worker_job_header_size(void);

/* job.c: give a deferred call to the background. */
void worker_defer(struct worker *worker, struct client *client, struct call *call);

/* job.c: take a job's replies in. */
void worker_job_done(struct worker *worker, struct mail *mail);

/* job.c: take in what a background thread has answered (failed: more than is allowed) for a
 * client, which may have left (NULL), and let it go on. */
void worker_take_answer(struct worker *worker, struct client *client, struct chain *chain,
                        bool failed);

/* request.c: whether requests of this command may be moved to the background. */
bool request_may_move(const struct worker *worker, struct bytes command_name);

/* request.c: give the request at the front of the client's input to the background; the
 * client waits. False when out of memory, with nothing changed. */
NODISCARD bool worker_move_request(struct worker *worker, struct client *client,
                                   const struct parse_result *request);

/* request.c: it was executed. */
void worker_request_done(struct worker *worker, struct mail *mail);

/* job.c: let the background free what this thread unlinked. */
void worker_post_trash(struct worker *worker);
