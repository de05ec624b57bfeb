/* crowd.h - many connections to one server, kept busy for a turn at a time.
 *
 * Closed loop: each connection sends `pipeline` requests with one send, waits
 * for all their replies, and sends the next ones.
 *
 *          ┌──── send batch ────┐
 *       idle                  waiting (replies to come)
 *          └── last reply ──────┘
 *
 * Paced (rate > 0): request k is due at start + k / rate and belongs to
 * connection k mod count, whether or not that one is free; it is sent as soon as
 * it is, up to `pipeline` overdue ones at once. Latency counts from when a
 * request was due, so a server that stalls pays for all it kept waiting (no
 * coordinated omission).
 *
 * Ownership: borrows loop, endpoint and workload for as long as it is open.
 * Threads:   the loop's.
 */
#pragma once

#include "load/endpoint.h"
#include "load/histogram.h"
#include "load/reply_scan.h"
#include "load/workload.h"
#include "net/loop.h"

#include <signal.h>

struct crowd_setup {
    struct loop *loop;
    const struct endpoint *endpoint;
    struct workload *workload;
    enum load_protocol protocol;
    unsigned connections;
    unsigned pipeline;
};

struct turn_plan {
    uint64_t duration_ns;              // No new request is sent after it; open ones are waited for.
    double rate;                       // Requests a second; 0: closed loop.
    bool spins;                        // Paced: poll for the next due request instead of sleeping.
    const volatile sig_atomic_t *stop; // Ends the turn when it becomes non-zero.
};

/* What one turn of one server gave. */
struct turn {
    uint64_t elapsed_ns;  // From the first request to the last reply.
    uint64_t load_cpu_ns; // CPU time of this thread meanwhile.
    uint64_t unsent;      // Paced: due, but the server was too far behind; counted in latency.
    struct reply_tally tally;
    struct histogram latency; // ns
};

struct crowd;

/* Connect all. 0, or -1 with the reason in *problem. */
NODISCARD int crowd_open(struct crowd **crowd_out, const struct crowd_setup *setup,
                         struct problem *problem);

/* Disconnect all and free. NULL is fine. */
void crowd_close(struct crowd *crowd);

/* Keep the connections busy for a turn; *turn_out is written anew. 0, or -1 when
 * a connection or the loop failed. */
NODISCARD int crowd_run(struct crowd *crowd, const struct turn_plan *plan, struct turn *turn_out,
                        struct problem *problem);
