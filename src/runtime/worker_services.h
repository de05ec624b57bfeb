/* worker_services.h - what a worker is given to work with.
 *
 * A worker, its batches and its jobs know this table and nothing of the server around it, so
 * that tests run a worker over a keyspace alone.
 *
 * Ownership: all of it outlives the workers.
 * Threads:   constant once the workers run, but for the limits, which are atomic: a reader
 *            sees a change in its next turn.
 */
#pragma once

#include "base/log.h"
#include "command/command.h"
#include "net/loop.h"
#include "store/keyspace.h"

#include <stdatomic.h>
#include <stdint.h>

struct background;
struct clock_source;
struct client_budget;
struct server;
struct upkeep;

/* Limits that may change while the workers run. Each is read with relaxed order. */
struct worker_limits {
    _Atomic uint64_t timeout_s;        // Close connections that are idle for so long; 0: never.
    _Atomic uint64_t output_bytes_max; // Unread replies of one connection.
    _Atomic uint64_t query_bytes_max;  // Unread input of one connection.
    _Atomic uint64_t client_bytes_max; // Of all connections together; 0: no limit.
};

struct worker_services {
    struct keyspace *keyspace;
    const struct command_table *commands;
    struct background *background;
    struct upkeep *upkeep; // NULL: none (tests).
    struct log *log;
    const struct clock_source *clock;
    const struct worker_limits *limits;
    struct client_budget *budget;
    struct server *server; // For handlers of admin/; opaque here, NULL in tests.
    enum loop_kind io;
    /* A connection that was handed to a worker is closed. Any thread. */
    void (*connection_closed)(void *context);
    void *context;
};
