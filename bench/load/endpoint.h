/* endpoint.h - a server that is put under load: where it is, how to reach it.
 *
 * Threads: any, one at a time.
 */
#pragma once

#include "base/error.h"
#include "load/problem.h"

#include <stdbool.h>
#include <sys/types.h>

enum { ENDPOINT_NAME_MAX = 32, ENDPOINT_HOST_MAX = 108 };

struct endpoint {
    char name[ENDPOINT_NAME_MAX];
    char host[ENDPOINT_HOST_MAX]; // Or the path of a unix socket: begins with '/'.
    char port[8];
    pid_t pid;     // 0: not known.
    bool is_floor; // Counts bytes: all requests of one size, and no others.
};

/* Read [NAME=]HOST:PORT[,pid=N][,floor] or [NAME=]/PATH[...]; an IPv6 host stands
 * in brackets. 0, or -1 with the reason in *problem. */
NODISCARD int endpoint_parse(struct endpoint *endpoint, const char *text, struct problem *problem);

/* Connect, waiting for it; the socket blocks. The descriptor, or -1. */
NODISCARD int endpoint_connect(const struct endpoint *endpoint, struct problem *problem);
