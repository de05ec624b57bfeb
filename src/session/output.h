/* output.h - replies on their way out of one worker.
 *
 *   arena    one buffer per worker; the replies that a turn makes for a
 *            connection stand there in a row and are sent from there, once
 *   chain    per connection: what the kernel did not take at once, what did not
 *            fit into the arena, and long values lent by reference
 *
 *   chain:  first ──> piece ──> piece ──> piece (lent: bytes of a value it holds)
 *                     ▲ sent bytes come off the front
 *
 * Replies go through a sink that writes into the arena as long as the connection's
 * chain is empty and there is room, and into the chain from then on.
 *
 * Ownership: a piece is the chain's; a lent piece holds one reference to its value.
 * Threads:   the worker that owns the connection; a background job fills a chain of
 *            its own and hands it over.
 */
#pragma once

#include "base/bytes.h"
#include "base/sink.h"
#include "store/access.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct piece {
    struct piece *next;
    size_t size;         // Bytes written.
    size_t capacity;     // Bytes behind the header; 0 for lent ones.
    const char *data;    // Where the bytes are.
    struct value *owner; // Lent: the value they belong to.
};

struct chain {
    struct piece *first, *last;
    size_t sent;   // Bytes of the first piece that are gone.
    size_t bytes;  // Still to be sent.
    size_t memory; // Bytes of the pieces, without what is lent.
};

/* Replies into a chain alone: what background jobs write to. */
struct chain_sink {
    struct sink sink;
    struct chain *chain;
    struct store_thread *thread;
    size_t bytes_max; // The sink fails beyond it.
};

/* Begin to write to `chain`. */
void chain_sink_open(struct chain_sink *sink, struct chain *chain, struct store_thread *thread,
                     size_t bytes_max);

/* Count what was written. False when the sink failed on the way. */
NODISCARD bool chain_sink_close(struct chain_sink *sink);

/* Append a copy of `bytes`. 0 or -ENOMEM. */
NODISCARD int chain_append(struct chain *chain, struct store_thread *thread, struct bytes bytes);

/* Put a copy of `bytes` before all that is unsent; nothing of the chain was sent yet.
 * 0 or -ENOMEM. */
NODISCARD int chain_prepend(struct chain *chain, struct store_thread *thread, struct bytes bytes);

/* Append another chain, which is left empty. */
void chain_splice(struct chain *chain, struct chain *tail);

/* The bytes as a part of a send, through which the kernel only reads. */
static inline struct iovec part_of_bytes(struct bytes bytes)
{
    union {
        const char *in;
        void *out;
    } base = {.in = bytes.data};
    return (struct iovec){.iov_base = base.out, .iov_len = bytes.size};
}

/* Describe up to `parts_max` parts and about `bytes_max` bytes from the front. */
unsigned chain_parts(const struct chain *chain, struct iovec *parts, unsigned parts_max,
                     size_t bytes_max);

/* `bytes` of the front were sent: free what is done. */
void chain_consume(struct chain *chain, struct store_thread *thread, size_t bytes);

/* Free everything. */
void chain_clear(struct chain *chain, struct store_thread *thread);

/* A worker's arena and the sink over it. */
struct output {
    struct chain_sink to_chain; // Its sink is the one that replies use, in both modes.
    char *arena;
    char *arena_at;      // Free from here.
    char *run;           // Where the current connection's replies begin; NULL: it writes
                         // to its chain.
    uint64_t turn;       // Counted from 1.
    uint64_t bytes_sent; // That the kernel took, or will unless it says otherwise.
};

enum { OUTPUT_ARENA_SIZE = 1024 * 1024 };

/* 0 or -ENOMEM. */
NODISCARD int output_init(struct output *output, struct store_thread *thread, size_t bytes_max);
void output_deinit(struct output *output);

/* A new turn: the arena is free again. */
void output_reset(struct output *output);

/* Write the replies of the connection with this chain from now on. */
void output_begin(struct output *output, struct chain *chain);

/* Its replies are complete: those in the arena, to be sent from there (empty when they
 * went to the chain). *failed_out: the sink failed, the connection must be closed. */
struct bytes output_end(struct output *output, bool *failed_out);
