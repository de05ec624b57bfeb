/* upkeep.h - the thread that gets memory from the kernel ahead of need, and gives it back.
 *
 *   worker ── once a turn: is there something to do? ──> upkeep thread ── depot_upkeep
 *                                                             └── depot_release, four times a
 *                                                                 second while there is a surplus
 *
 * Both may take ms, and writers wait for the first when memory is short: it has a thread of
 * its own, so that it never stands behind long jobs, and a second one of higher priority for
 * what somebody waits for already (depot_relieve).
 *
 * Threads: upkeep_request, any.
 */
#pragma once

#include "base/error.h"
#include "base/pool.h"

struct upkeep;

/* Get the first memory and start the thread. 0 or negative errno. */
NODISCARD int upkeep_start(struct upkeep **upkeep_out, struct depot *depot);

/* Wake the thread if the depot wants it. Cheap when it does not. NULL is fine. */
void upkeep_request(struct upkeep *upkeep);

/* End the thread. NULL is fine. */
void upkeep_stop(struct upkeep *upkeep);
