#include "session/output.h"

#include <errno.h>
#include <stdlib.h>

enum { PIECE_SIZE_MIN = 4 * 1024, PIECE_SIZE_MAX = POOL_CLASS_MAX };

// ---- pieces ----

static struct piece *piece_create(struct pool *pool, size_t capacity)
{
    struct piece *piece = pool_alloc(pool, MEMORY_OUTPUT, sizeof(*piece) + capacity);
    if (piece != NULL) {
        *piece = (struct piece){.capacity = capacity, .data = (char *)(piece + 1)};
    }
    return piece;
}

static void piece_destroy(struct piece *piece, struct store_thread *thread)
{
    if (piece->owner != NULL) {
        keyspace_drop(thread, piece->owner);
    }
    pool_free(thread->pool, MEMORY_OUTPUT, piece, sizeof(*piece) + piece->capacity);
}

static size_t chunk_memory(const struct piece *piece)
{
    return sizeof(*piece) + piece->capacity;
}

static char *piece_end(struct piece *piece)
{
    return (char *)(piece + 1) + piece->size;
}

static size_t piece_room(const struct piece *piece)
{
    return piece == NULL || piece->owner != NULL ? 0 : piece->capacity - piece->size;
}

static void chain_push(struct chain *chain, struct piece *piece)
{
    if (chain->last != NULL) {
        chain->last->next = piece;
    } else {
        chain->first = piece;
    }
    chain->last = piece;
    chain->bytes += piece->size;
    chain->memory += chunk_memory(piece);
}

// Add an empty piece with room for `size` bytes; pieces grow with the chain. 0 or -ENOMEM.
static int chain_grow(struct chain *chain, struct store_thread *thread, size_t size)
{
    size_t capacity = chain->bytes < PIECE_SIZE_MIN   ? PIECE_SIZE_MIN
                      : chain->bytes > PIECE_SIZE_MAX ? PIECE_SIZE_MAX
                                                      : chain->bytes;
    capacity -= sizeof(struct piece);
    struct piece *piece = piece_create(thread->pool, capacity < size ? size : capacity);
    if (piece == NULL) {
        return -ENOMEM;
    }
    chain_push(chain, piece);
    return 0;
}

int chain_append(struct chain *chain, struct store_thread *thread, struct bytes bytes)
{
    if (piece_room(chain->last) < bytes.size) {
        int error = chain_grow(chain, thread, bytes.size);
        if (error < 0) {
            return error;
        }
    }
    if (bytes.size > 0) {
        memcpy(piece_end(chain->last), bytes.data, bytes.size);
        chain->last->size += bytes.size;
        chain->bytes += bytes.size;
    }
    return 0;
}

int chain_prepend(struct chain *chain, struct store_thread *thread, struct bytes bytes)
{
    ASSERT(chain->sent == 0);
    struct piece *piece = piece_create(thread->pool, bytes.size);
    if (piece == NULL) {
        return -ENOMEM;
    }
    memcpy(piece_end(piece), bytes.data, bytes.size);
    piece->size = bytes.size;
    piece->next = chain->first;
    chain->first = piece;
    if (chain->last == NULL) {
        chain->last = piece;
    }
    chain->bytes += bytes.size;
    chain->memory += chunk_memory(piece);
    return 0;
}

/* Put a copy of `bytes` in behind the first `keep` bytes of the piece. Those behind it move: a
 * little if there is room, to a piece of their own otherwise. 0 or -ENOMEM. */
static int chunk_insert(struct chain *chain, struct piece *piece, struct store_thread *thread,
                        size_t keep, struct bytes bytes)
{
    size_t rest = piece->size - keep;
    ASSERT(piece->owner == NULL || rest == 0); // A lent value is one write.
    if (piece_room(piece) >= bytes.size) {
        piece->size += bytes.size;
        char *at = piece_end(piece) - rest;
        memmove(at, at - bytes.size, rest);
        memcpy(at - bytes.size, bytes.data, bytes.size);
    } else {
        struct piece *tail = piece_create(thread->pool, bytes.size + rest);
        if (tail == NULL) {
            return -ENOMEM;
        }
        char *at = piece_end(tail);
        memcpy(at, bytes.data, bytes.size);
        memcpy(at + bytes.size, piece->data + keep, rest);
        tail->size = bytes.size + rest;
        tail->next = piece->next;
        piece->next = tail;
        piece->size = keep;
        chain->last = chain->last == piece ? tail : chain->last;
        chain->memory += chunk_memory(tail);
    }
    chain->bytes += bytes.size;
    return 0;
}

/* Put a copy of `bytes` in before the unsent byte number `place`, which the kernel has not been
 * given to send, nor any after it. 0 or -ENOMEM. */
static int chain_insert(struct chain *chain, struct store_thread *thread, size_t place,
                        struct bytes bytes)
{
    ASSERT(place <= chain->bytes);
    size_t keep = chain->sent + place;
    if (keep == 0) {
        return chain_prepend(chain, thread, bytes);
    }
    // The piece with the byte before the place, perhaps a sent one.
    struct piece *piece = chain->first;
    while (keep > piece->size) {
        keep -= piece->size;
        piece = piece->next;
    }
    return chunk_insert(chain, piece, thread, keep, bytes);
}

void chain_splice(struct chain *chain, struct chain *tail)
{
    if (tail->first == NULL) {
        return;
    }
    if (chain->last != NULL) {
        chain->last->next = tail->first;
    } else {
        chain->first = tail->first;
    }
    chain->last = tail->last;
    chain->bytes += tail->bytes;
    chain->memory += tail->memory;
    *tail = (struct chain){0};
}

unsigned chain_parts(const struct chain *chain, struct iovec *parts, unsigned parts_max,
                     size_t bytes_max)
{
    unsigned count = 0;
    size_t skip = chain->sent;
    size_t bytes = 0;
    for (const struct piece *piece = chain->first;
         piece != NULL && count < parts_max && bytes < bytes_max; piece = piece->next) {
        size_t size = piece->size - skip;
        size = size < bytes_max - bytes ? size : bytes_max - bytes;
        if (size > 0) {
            parts[count++] = part_of_bytes(bytes_make(piece->data + skip, size));
        }
        bytes += size;
        skip = 0;
    }
    return count;
}

void chain_consume(struct chain *chain, struct store_thread *thread, size_t bytes)
{
    ASSERT(bytes <= chain->bytes);
    chain->bytes -= bytes;
    chain->sent += bytes;
    while (chain->first != NULL && chain->sent >= chain->first->size) {
        struct piece *piece = chain->first;
        chain->sent -= piece->size;
        chain->memory -= chunk_memory(piece);
        chain->first = piece->next;
        if (chain->first == NULL) {
            chain->last = NULL;
        }
        piece_destroy(piece, thread);
    }
}

void chain_clear(struct chain *chain, struct store_thread *thread)
{
    while (chain->first != NULL) {
        struct piece *piece = chain->first;
        chain->first = piece->next;
        piece_destroy(piece, thread);
    }
    *chain = (struct chain){0};
}

// ---- a sink over a chain ----

static struct chain_sink *chain_sink_of(struct sink *sink)
{
    return (struct chain_sink *)(void *)sink;
}

// Count what was written into the last piece since the sink got its room.
static void settle(struct chain_sink *sink)
{
    struct piece *last = sink->chain->last;
    if (last != NULL && sink->sink.at != NULL) {
        size_t written = (size_t)(sink->sink.at - piece_end(last));
        last->size += written;
        sink->chain->bytes += written;
    }
    sink->sink.at = sink->sink.end = NULL;
}

static int chain_more(struct sink *base, size_t size)
{
    struct chain_sink *sink = chain_sink_of(base);
    settle(sink);
    if (sink->chain->bytes + size > sink->bytes_max) {
        return -ENOBUFS;
    }
    if (piece_room(sink->chain->last) < size) {
        int error = chain_grow(sink->chain, sink->thread, size);
        if (error < 0) {
            return error;
        }
    }
    base->at = piece_end(sink->chain->last);
    base->end = base->at + piece_room(sink->chain->last);
    return 0;
}

static int chain_lend(struct sink *base, struct bytes bytes, void *owner)
{
    struct chain_sink *sink = chain_sink_of(base);
    settle(sink);
    struct piece *piece = NULL;
    if (sink->chain->bytes + bytes.size <= sink->bytes_max) {
        piece = piece_create(sink->thread->pool, 0);
    }
    if (piece == NULL) {
        keyspace_drop(sink->thread, owner);
        base->failed = true;
        return -ENOMEM;
    }
    piece->data = bytes.data;
    piece->size = bytes.size;
    piece->owner = owner;
    chain_push(sink->chain, piece);
    return 0;
}

static size_t chain_place(const struct sink *base)
{
    const struct chain_sink *sink = (const struct chain_sink *)(const void *)base;
    size_t unsettled = base->at == NULL ? 0 : (size_t)(base->at - piece_end(sink->chain->last));
    return sink->chain->bytes + unsettled;
}

static int chain_insert_at(struct sink *base, size_t place, struct bytes bytes)
{
    struct chain_sink *sink = chain_sink_of(base);
    settle(sink);
    return chain_insert(sink->chain, sink->thread, place, bytes);
}

static const struct sink_ops chain_ops = {
    .more = chain_more,
    .lend = chain_lend,
    .place = chain_place,
    .insert = chain_insert_at,
};

void chain_sink_open(struct chain_sink *sink, struct chain *chain, struct store_thread *thread,
                     size_t bytes_max)
{
    *sink = (struct chain_sink){
        .sink = {.ops = &chain_ops}, .chain = chain, .thread = thread, .bytes_max = bytes_max};
}

bool chain_sink_close(struct chain_sink *sink)
{
    if (!sink->sink.failed) {
        settle(sink);
    }
    return !sink->sink.failed;
}

// ---- a worker's arena ----

static struct output *output_of(struct sink *sink)
{
    return (struct output *)(void *)sink;
}

// The connection cannot stay in the arena: move what it has there to its chain.
static int leave_arena(struct output *output)
{
    struct sink *sink = &output->to_chain.sink;
    struct bytes run = bytes_make(output->run, (size_t)(sink->at - output->run));
    output->arena_at = output->run;
    output->run = NULL;
    sink->at = sink->end = NULL;
    sink->ops = &chain_ops;
    return chain_append(output->to_chain.chain, output->to_chain.thread, run);
}

static int arena_more(struct sink *sink, size_t size)
{
    int error = leave_arena(output_of(sink));
    return error < 0 ? error : chain_more(sink, size);
}

static int arena_lend(struct sink *sink, struct bytes bytes, void *owner)
{
    struct output *output = output_of(sink);
    if (leave_arena(output) < 0) {
        keyspace_drop(output->to_chain.thread, owner);
        sink->failed = true;
        return -ENOMEM;
    }
    return chain_lend(sink, bytes, owner);
}

/* A run that leaves the arena begins its chain: its places are those of the chain, too. */
static size_t arena_place(const struct sink *sink)
{
    const struct output *output = (const struct output *)(const void *)sink;
    return (size_t)(sink->at - output->run);
}

static int arena_insert(struct sink *sink, size_t place, struct bytes bytes)
{
    struct output *output = output_of(sink);
    if ((size_t)(sink->end - sink->at) < bytes.size) {
        int error = leave_arena(output);
        return error < 0 ? error : chain_insert_at(sink, place, bytes);
    }
    char *at = output->run + place;
    ASSERT(at <= sink->at);
    memmove(at + bytes.size, at, (size_t)(sink->at - at));
    memcpy(at, bytes.data, bytes.size);
    sink_commit(sink, bytes.size);
    return 0;
}

static const struct sink_ops arena_ops = {
    .more = arena_more,
    .lend = arena_lend,
    .place = arena_place,
    .insert = arena_insert,
};

int output_init(struct output *output, struct store_thread *thread, size_t bytes_max)
{
    *output = (struct output){.to_chain = {.thread = thread, .bytes_max = bytes_max}, .turn = 1};
    output->arena = malloc(OUTPUT_ARENA_SIZE);
    output->arena_at = output->arena;
    return output->arena == NULL ? -ENOMEM : 0;
}

void output_deinit(struct output *output)
{
    free(output->arena);
    output->arena = NULL;
}

void output_reset(struct output *output)
{
    output->arena_at = output->arena;
    output->turn++;
}

void output_begin(struct output *output, struct chain *chain)
{
    struct sink *sink = &output->to_chain.sink;
    output->to_chain.chain = chain;
    sink->failed = false;
    if (LIKELY(chain->first == NULL)) {
        output->run = output->arena_at;
        sink->ops = &arena_ops;
        sink->at = output->arena_at;
        sink->end = output->arena + OUTPUT_ARENA_SIZE;
    } else {
        output->run = NULL;
        sink->ops = &chain_ops;
        sink->at = sink->end = NULL;
    }
}

struct bytes output_end(struct output *output, bool *failed_out)
{
    struct sink *sink = &output->to_chain.sink;
    if (output->run == NULL) {
        *failed_out = !chain_sink_close(&output->to_chain);
        return (struct bytes){0};
    }
    *failed_out = sink->failed;
    struct bytes run = bytes_make(output->run, (size_t)(sink->at - output->run));
    output->arena_at = sink->at;
    return run;
}
