/* metrics.h - the figures of all modules put together, and the server's own.
 *
 *   rows of runtime and server ──> INFO, section by section
 *
 * Threads: any.
 */
#pragma once

#include "base/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

enum { METRICS_MAX = 64 };

/* The row at `index`; false beyond the last one. */
bool metrics_at(size_t index, const struct metric **metric_out);

/* The figure as text: a counter as it has grown since the last metrics_reset. */
void metrics_print(struct server *server, size_t index, char out[METRIC_TEXT_MAX]);

/* What all workers have counted of one command, since the last metrics_reset. */
struct command_totals {
    uint64_t calls, failed, rejected, sampled_calls, sampled_ns;
};
struct command_totals metrics_of_command(struct server *server, size_t index);

/* Let all counters begin at zero again. */
void metrics_reset(struct server *server);
