/* server_cpu.h - how much CPU time a server has used.
 *
 * The finest source there is, found once when the meter is opened:
 *
 *   /proc/PID/task/TID/schedstat   ns; the sum over the threads
 *   /proc/PID/stat                 clock ticks, usually 10 ms
 *   INFO cpu                       us, over a connection of the meter's own
 *
 * A thread that ends takes its share of the first source away, so servers
 * whose threads come and go are better read through the others.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/error.h"
#include "load/endpoint.h"

#include <stdint.h>

enum cpu_source { CPU_NONE, CPU_SCHEDSTAT, CPU_STAT, CPU_INFO };

struct server_cpu {
    enum cpu_source source;
    pid_t pid;
    int fd; // CPU_INFO: a blocking connection.
};

/* Find a source. A floor without a pid has none. 0, or -1 with the reason: the
 * process does not exist, or the connection failed. */
NODISCARD int server_cpu_open(struct server_cpu *cpu, const struct endpoint *endpoint,
                              struct problem *problem);

/* Close the connection, if there is one. */
void server_cpu_close(struct server_cpu *cpu);

/* Nanoseconds used since the server started, in all threads. 0, or -1 where it
 * cannot be told. */
NODISCARD int server_cpu_read(struct server_cpu *cpu, uint64_t *ns_out);

/* "schedstat", "stat", "INFO" or "none". */
const char *server_cpu_source_name(enum cpu_source source);

/* Find used_cpu_user and used_cpu_sys in the text of INFO; their sum in ns. 0 or -1. */
NODISCARD int server_cpu_parse_info(const char *text, uint64_t *ns_out);
