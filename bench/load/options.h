/* options.h - the command line of fastkv-bench.
 *
 * One table of options, from which parsing and --help come.
 *
 * Ownership: strings point into argv.
 * Threads:   one at a time.
 */
#pragma once

#include "load/endpoint.h"
#include "load/workload.h"
#include "net/loop.h"

#include <stdio.h>

enum { OPTIONS_SERVERS_MAX = 16 };

enum options_outcome { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_WRONG };

struct options {
    struct endpoint servers[OPTIONS_SERVERS_MAX];
    unsigned server_count;
    struct workload_spec workload;
    unsigned connections;
    unsigned pipeline;
    double duration_s; // Measured, for each server.
    double turn_s;
    double warmup_s; // Before the first turn, for each server.
    double rate;     // Requests a second; 0: as fast as replies come.
    enum loop_kind io;
    bool spins;
    bool populates;
    bool json;
    bool shows_request_bytes;
};

/* Read the command line. OPTIONS_WRONG leaves the reason in *problem. */
NODISCARD enum options_outcome options_parse(struct options *options, int argc,
                                             const char *const *argv, struct problem *problem);

/* Print what --help prints. */
void options_print_help(FILE *out);
