/* report.h - a session's figures, for people and as JSON.
 *
 * Throughput and CPU per request are medians over the turns, latencies are over
 * all requests, and a later server is compared with the first turn by turn:
 * the ratio's median and quartiles.
 *
 * Threads: one.
 */
#pragma once

#include "load/session.h"

#include <stdio.h>

/* Print a table. */
void report_print_table(const struct session *session, FILE *out);

/* Print one JSON object. */
void report_print_json(const struct session *session, FILE *out);
