/* background_call.h - a whole call executed by a background thread, which may sleep.
 *
 *   background_call_begin   memory, locks in ascending order, kept while it sleeps for the next
 *   background_call_run     the handler; unlock; what the handler has deferred
 *
 * For calls that name more keys, elements or bytes than a worker has time for. A handler with
 * COMMAND_STAGES is run without locks and takes them itself (call_lock), once it has made all
 * that needs none.
 *
 * Of the calls that lock many shards, one at a time does so: taking turns shard by shard,
 * none would get on.
 *
 * Threads: a background thread, its pool online; offline while it sleeps.
 */
#pragma once

#include "command/call.h"

/* Returns when the call may run: background_call_run must follow. */
void background_call_begin(struct call *call);

void background_call_run(struct call *call, struct reply *reply);
