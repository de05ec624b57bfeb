/* info.h - the INFO command: Redis's sections and field names.
 *
 * Threads: a worker's; counters of the others are read relaxed.
 */
#pragma once

#include "command/call.h"

struct server;

/* Answer INFO [section ...]. */
void info_reply(struct server *server, struct call *call);
