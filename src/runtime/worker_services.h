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
#include "base/option.h"
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
    option_value timeout_s;        // Close connections that are idle for so long; 0: never.
    option_value output_bytes_max; // Unread replies of one connection.
    option_value query_bytes_max;  // Unread input of one connection.
    option_value client_bytes_max; // Of all connections together; 0: no limit.
};
extern const struct option_group worker_options;

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
