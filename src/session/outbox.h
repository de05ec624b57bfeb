/* outbox.h - what a connection has to send, and which of it the kernel holds.
 *
 *   run     replies of this turn in the worker's arena, sent from there once
 *   chain   replies after those: sent when no run is under way, and waited for
 *
 *   nothing ──outbox_send──► run ────turn over───► nothing
 *                             └─outbox_on_sent: the rest goes before the chain ─► nothing
 *   nothing ──outbox_send──► chain ──outbox_on_sent──► nothing
 *
 * A run that the kernel has taken whole is over with the turn, and nobody tells.
 *
 * Threads: the worker's.
 */
#pragma once

#include "net/loop.h"
#include "session/output.h"

enum outbox_sends { OUTBOX_SENDS_NOTHING, OUTBOX_SENDS_RUN, OUTBOX_SENDS_CHAIN };

struct outbox {
    struct bytes run;
    uint64_t run_turn; // Of the output, in which the run was made; others' are gone.
    struct chain chain;
    uint8_t sends; // enum outbox_sends
};

/* Write replies into it from now on. */
static inline void outbox_open(struct outbox *outbox, struct output *output)
{
    output_begin(output, &outbox->chain);
}

/* The replies are complete. False when they could not all be kept: the connection must be
 * closed. */
NODISCARD bool outbox_close(struct outbox *outbox, struct output *output);

/* Whether there is something to send that is not under way. */
static inline bool outbox_has_replies(const struct outbox *outbox)
{
    return outbox->run.size > 0 || outbox->chain.bytes > 0;
}

/* Whether the kernel has not taken everything yet, as far as is known. */
bool outbox_owes(const struct outbox *outbox, const struct output *output);

enum outbox_outcome {
    OUTBOX_EMPTY,  // Everything was sent and taken.
    OUTBOX_SENT,   // The last of it is under way.
    OUTBOX_AGAIN,  // Some is under way; call again in the next turn.
    OUTBOX_WAITS,  // outbox_on_sent will be called.
    OUTBOX_FAILED, // Memory is short: the connection must be closed.
};

/* At the end of a turn: send what can be. Of the last replies of a connection (`is_last`) the
 * kernel's taking is waited for. */
enum outbox_outcome outbox_send(struct outbox *outbox, struct output *output, struct loop *loop,
                                struct stream *stream, bool is_last);

/* LOOP_SENT without an error, told before output_reset. False when the rest could not be
 * kept: the connection must be closed. */
NODISCARD bool outbox_on_sent(struct outbox *outbox, struct output *output, size_t sent);

/* Free everything. The loop must have let go of the stream if the chain is under way. */
void outbox_clear(struct outbox *outbox, struct store_thread *thread);
