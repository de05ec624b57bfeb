#include "session/outbox.h"

enum { SEND_BYTES_MAX = 512 * 1024 };

bool outbox_close(struct outbox *outbox, struct output *output)
{
    bool failed;
    struct bytes run = output_end(output, &failed);
    if (UNLIKELY(failed)) {
        return false;
    }
    if (outbox->run_turn != output->turn) {
        if (outbox->sends == OUTBOX_SENDS_RUN) {
            outbox->sends = OUTBOX_SENDS_NOTHING;
        }
        outbox->run = run;
        outbox->run_turn = output->turn;
        return true;
    }
    ASSERT(outbox->sends != OUTBOX_SENDS_RUN);
    if (outbox->run.size == 0) {
        outbox->run = run;
    } else if (run.size > 0) {
        // Runs of one turn follow each other in the arena.
        ASSERT(outbox->run.data + outbox->run.size == run.data);
        outbox->run.size += run.size;
    }
    return true;
}

bool outbox_owes(const struct outbox *outbox, const struct output *output)
{
    return outbox->chain.bytes > 0 || (outbox->run.size > 0 && outbox->run_turn == output->turn);
}

static void send_chain(struct outbox *outbox, struct loop *loop, struct stream *stream)
{
    struct iovec parts[LOOP_SEND_PARTS_MAX];
    unsigned count = chain_parts(&outbox->chain, parts, LOOP_SEND_PARTS_MAX, SEND_BYTES_MAX);
    outbox->sends = OUTBOX_SENDS_CHAIN;
    loop_send(loop, stream, parts, count, LOOP_SEND_WAIT);
}

enum outbox_outcome outbox_send(struct outbox *outbox, struct output *output, struct loop *loop,
                                struct stream *stream, bool is_last)
{
    if (outbox->sends == OUTBOX_SENDS_CHAIN) {
        return OUTBOX_WAITS;
    }
    bool has_run = outbox->run_turn == output->turn && outbox->run.size > 0;
    ASSERT(!has_run || outbox->sends == OUTBOX_SENDS_NOTHING);
    if (LIKELY(has_run && !is_last)) {
        // Only if the kernel does not take all of it will it say so.
        const struct iovec part = part_of_bytes(outbox->run);
        outbox->sends = OUTBOX_SENDS_RUN;
        output->bytes_sent += outbox->run.size;
        loop_send(loop, stream, &part, 1, LOOP_SEND_ONCE);
        return outbox->chain.bytes > 0 ? OUTBOX_AGAIN : OUTBOX_SENT;
    }
    struct bytes run = has_run ? outbox->run : (struct bytes){0};
    outbox->run = (struct bytes){0};
    if (run.size > 0 && chain_prepend(&outbox->chain, output->to_chain.thread, run) < 0) {
        return OUTBOX_FAILED;
    }
    outbox->sends = OUTBOX_SENDS_NOTHING;
    if (outbox->chain.bytes == 0) {
        return OUTBOX_EMPTY;
    }
    send_chain(outbox, loop, stream);
    return OUTBOX_WAITS;
}

bool outbox_on_sent(struct outbox *outbox, struct output *output, size_t sent)
{
    struct store_thread *thread = output->to_chain.thread;
    enum outbox_sends sends = outbox->sends;
    outbox->sends = OUTBOX_SENDS_NOTHING;
    if (sends == OUTBOX_SENDS_CHAIN) {
        output->bytes_sent += sent;
        chain_consume(&outbox->chain, thread, sent);
        return true;
    }
    ASSERT(sends == OUTBOX_SENDS_RUN && outbox->run_turn == output->turn);
    ASSERT(sent < outbox->run.size);
    // The arena's bytes are needed again: the kernel waits with a copy of the rest.
    struct bytes rest = bytes_make(outbox->run.data + sent, outbox->run.size - sent);
    outbox->run = (struct bytes){0};
    output->bytes_sent -= rest.size;
    return chain_prepend(&outbox->chain, thread, rest) == 0;
}

void outbox_clear(struct outbox *outbox, struct store_thread *thread)
{
    outbox->run = (struct bytes){0};
    chain_clear(&outbox->chain, thread);
}
