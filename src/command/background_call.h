/* background_call.h - a whole call executed by a background thread, which may sleep.
 *
 *   background_call_begin   memory, locks in ascending order, kept while it sleeps for the next
 *   call_run                the handler; what it would defer is done at once
 *   background_call_end     unlock
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

/* Returns when the call may run: call_run and background_call_end must follow. */
void background_call_begin(struct call *call);

void background_call_end(struct call *call);
