/* server.h - a whole server: listeners, workers, background threads, keyspace.
 *
 *   server_run's thread: waits for connections, signals and SHUTDOWN; hands each
 *   connection to the worker with the fewest.
 *
 * Several servers may live in one process; there is no global state but signals,
 * which the program that runs the server blocks and hands to server_run.
 *
 * Threads: server_open, server_run and server_close: the same thread; server_stop: any.
 */
#pragma once

#include "base/log.h"
#include "net/listener.h"
#include "runtime/background.h"
#include "runtime/thread_pool.h"
#include "runtime/upkeep.h"
#include "server/config.h"
#include "server/metrics.h"
#include "session/client_budget.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LISTENERS_MAX = CONFIG_BINDS_MAX + 1, RUN_ID_SIZE = 40 };

struct server {
    struct config config;
    struct log log;
    enum loop_kind io; // What config.io came to.
    struct keyspace *keyspace;
    struct background *background;
    struct upkeep *upkeep;
    struct thread_pool pool;
    struct listener listeners[LISTENERS_MAX];
    unsigned listener_count;
    struct client_budget budget;
    struct worker_services services;
    uint64_t metric_base[METRICS_MAX];   // What counters were at CONFIG RESETSTAT.
    struct command_totals *command_base; // Likewise, of each command.
    int wake_fd;                   // An eventfd: readable when server_run has something to do.
    _Atomic bool stops;            // That is to end.
    pthread_mutex_t settings_lock; // Guards changes of config, and the bases of the metrics.
    int accept_error;              // That was told of last, while it lasts.
    int spare_fd;                  // Given up to answer connections at the limit of descriptors.
    int clock_fd;                  // A timer: readable when the wall clock was set.
    uint64_t started_ms;           // Monotonic.
    char run_id[RUN_ID_SIZE + 1];
    _Atomic unsigned connections;
    _Atomic uint64_t connections_total, connections_rejected;
    _Atomic uint64_t memory_peak;
};

enum { SERVER_ERROR_MAX = 512 };

/* Bring a server up that executes `commands`: log, keyspace, workers, listeners. 0, or negative errno and in
 * error_out one line that says what failed and how to mend it; server_close follows
 * in either case. */
NODISCARD int server_open(struct server *server, const struct config *config,
                          const struct command_table *commands, char error_out[SERVER_ERROR_MAX]);

/* Serve until server_stop, SHUTDOWN, SIGTERM or SIGINT (the latter two through
 * `signal_fd`, a signalfd; -1 for none). SIGHUP opens the log anew, other signals do nothing. */
void server_run(struct server *server, int signal_fd);

/* Let server_run return. Safe in any thread. */
void server_stop(struct server *server);

/* Whether there are, or can be, descriptors for so many clients: 0, or -EMFILE with the number
 * that there can be. */
NODISCARD int server_reserve_descriptors(const struct server *server, uint64_t *clients_max);

/* Live settings of config have changed. */
void server_adopt_settings(struct server *server);

/* Stop accepting, answer what was read, end all threads. */
void server_shut(struct server *server);

/* Free what is left after server_shut. */
void server_close(struct server *server);
