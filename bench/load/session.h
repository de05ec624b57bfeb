/* session.h - one whole measurement: populate, warm up, then turn after turn.
 *
 *   populate each │ warm up each │ A B A B A B ...   until each had `duration`
 *
 * Ownership: a session owns its connections and figures; options are borrowed.
 * Threads:   one.
 */
#pragma once

#include "load/crowd.h"
#include "load/options.h"
#include "load/server_cpu.h"

/* What one turn came to; times in us unless named otherwise. NaN: not known. */
struct turn_figures {
    double requests_per_second;
    double cpu_per_request;
    double load_cpu_share; // Of one core, used by this program.
    double p50;
    double p99;
    double p999;
    double max;
};

/* One server and what was measured of it. */
struct contestant {
    const struct endpoint *endpoint;
    struct workload workload;
    struct crowd *crowd;
    struct server_cpu cpu;
    struct histogram *latency; // Of all turns, in ns.
    struct reply_tally tally;  // Of all turns.
    uint64_t unsent;           // See struct turn.
    struct turn_figures *turns;
    size_t turn_count;
};

struct session {
    const struct options *options;
    struct loop *loop;
    struct contestant contestants[OPTIONS_SERVERS_MAX];
    unsigned count;
    size_t turns_max;
};

/* Run it. 0, or -1 with the reason in *problem; either way session_close follows,
 * and what was measured before a failure can be reported. A non-zero *stop ends it early. */
NODISCARD int session_run(struct session *session, const struct options *options,
                          const volatile sig_atomic_t *stop, struct problem *problem);

/* Disconnect and free. */
void session_close(struct session *session);
