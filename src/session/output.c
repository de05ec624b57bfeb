#include "session/output.h"

#include <errno.h>
#include <stdlib.h>

enum { CHUNK_SIZE_MIN = 4 * 1024, CHUNK_SIZE_MAX = POOL_CLASS_MAX };

// ---- chunks ----

static struct chunk *chunk_create(struct pool *pool, size_t capacity)
{
    struct chunk *chunk = pool_alloc(pool, MEMORY_OUTPUT, sizeof(*chunk) + capacity);
    if (chunk != NULL) {
        *chunk = (struct chunk){.capacity = capacity, .data = (char *)(chunk + 1)};
    }
    return chunk;
}

static void chunk_destroy(struct chunk *chunk, struct store_thread *thread)
{
    if (chunk->owner != NULL) {
        keyspace_drop(thread, chunk->owner);
    }
    pool_free(thread->pool, MEMORY_OUTPUT, chunk, sizeof(*chunk) + chunk->capacity);
}

static size_t chunk_memory(const struct chunk *chunk)
{
    return sizeof(*chunk) + chunk->capacity;
}

static char *chunk_end(struct chunk *chunk)
{
    return (char *)(chunk + 1) + chunk->size;
}

static size_t chunk_room(const struct chunk *chunk)
{
    return chunk == NULL || chunk->owner != NULL ? 0 : chunk->capacity - chunk->size;
}

static void chain_push(struct chain *chain, struct chunk *chunk)
{
    if (chain->last != NULL) {
        chain->last->next = chunk;
    } else {
        chain->first = chunk;
    }
    chain->last = chunk;
    chain->bytes += chunk->size;
    chain->memory += chunk_memory(chunk);
}

// Add an empty chunk with room for `size` bytes; chunks grow with the chain. 0 or -ENOMEM.
static int chain_grow(struct chain *chain, struct store_thread *thread, size_t size)
{
    size_t capacity = chain->bytes < CHUNK_SIZE_MIN   ? CHUNK_SIZE_MIN
                      : chain->bytes > CHUNK_SIZE_MAX ? CHUNK_SIZE_MAX
                                                      : chain->bytes;
    capacity -= sizeof(struct chunk);
    struct chunk *chunk = chunk_create(thread->pool, capacity < size ? size : capacity);
    if (chunk == NULL) {
        return -ENOMEM;
    }
    chain_push(chain, chunk);
    return 0;
}

int chain_append(struct chain *chain, struct store_thread *thread, struct bytes bytes)
{
    if (chunk_room(chain->last) < bytes.size) {
        int error = chain_grow(chain, thread, bytes.size);
        if (error < 0) {
            return error;
        }
    }
    if (bytes.size > 0) {
        memcpy(chunk_end(chain->last), bytes.data, bytes.size);
        chain->last->size += bytes.size;
        chain->bytes += bytes.size;
    }
    return 0;
}

int chain_prepend(struct chain *chain, struct store_thread *thread, struct bytes bytes)
{
    ASSERT(chain->sent == 0);
    struct chunk *chunk = chunk_create(thread->pool, bytes.size);
    if (chunk == NULL) {
        return -ENOMEM;
    }
    memcpy(chunk_end(chunk), bytes.data, bytes.size);
    chunk->size = bytes.size;
    chunk->next = chain->first;
    chain->first = chunk;
    if (chain->last == NULL) {
        chain->last = chunk;
    }
    chain->bytes += bytes.size;
    chain->memory += chunk_memory(chunk);
    return 0;
}

/* Put a copy of `bytes` in behind the first `keep` bytes of the chunk. Those behind it move: a
 * little if there is room, to a chunk of their own otherwise. 0 or -ENOMEM. */
static int chunk_insert(struct chain *chain, struct chunk *chunk, struct store_thread *thread,
                        size_t keep, struct bytes bytes)
{
    size_t rest = chunk->size - keep;
    ASSERT(chunk->owner == NULL || rest == 0); // A lent value is one write.
    if (chunk_room(chunk) >= bytes.size) {
        chunk->size += bytes.size;
        char *at = chunk_end(chunk) - rest;
        memmove(at, at - bytes.size, rest);
        memcpy(at - bytes.size, bytes.data, bytes.size);
    } else {
        struct chunk *tail = chunk_create(thread->pool, bytes.size + rest);
        if (tail == NULL) {
            return -ENOMEM;
        }
        char *at = chunk_end(tail);
        memcpy(at, bytes.data, bytes.size);
        memcpy(at + bytes.size, chunk->data + keep, rest);
        tail->size = bytes.size + rest;
        tail->next = chunk->next;
        chunk->next = tail;
        chunk->size = keep;
        chain->last = chain->last == chunk ? tail : chain->last;
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
    // The chunk with the byte before the place, perhaps a sent one.
    struct chunk *chunk = chain->first;
    while (keep > chunk->size) {
        keep -= chunk->size;
        chunk = chunk->next;
    }
    return chunk_insert(chain, chunk, thread, keep, bytes);
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
    for (const struct chunk *chunk = chain->first;
         chunk != NULL && count < parts_max && bytes < bytes_max; chunk = chunk->next) {
        size_t size = chunk->size - skip;
        size = size < bytes_max - bytes ? size : bytes_max - bytes;
        if (size > 0) {
            parts[count++] = part_of_bytes(bytes_make(chunk->data + skip, size));
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
        struct chunk *chunk = chain->first;
        chain->sent -= chunk->size;
        chain->memory -= chunk_memory(chunk);
        chain->first = chunk->next;
        if (chain->first == NULL) {
            chain->last = NULL;
        }
        chunk_destroy(chunk, thread);
    }
}

void chain_clear(struct chain *chain, struct store_thread *thread)
{
    while (chain->first != NULL) {
        struct chunk *chunk = chain->first;
        chain->first = chunk->next;
        chunk_destroy(chunk, thread);
    }
    *chain = (struct chain){0};
}

// ---- a sink over a chain ----

static struct chain_sink *chain_sink_of(struct sink *sink)
{
    return (struct chain_sink *)(void *)sink;
}

// Count what was written into the last chunk since the sink got its room.
static void settle(struct chain_sink *sink)
{
    struct chunk *last = sink->chain->last;
    if (last != NULL && sink->sink.at != NULL) {
        size_t written = (size_t)(sink->sink.at - chunk_end(last));
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
    if (chunk_room(sink->chain->last) < size) {
        int error = chain_grow(sink->chain, sink->thread, size);
        if (error < 0) {
            return error;
        }
    }
    base->at = chunk_end(sink->chain->last);
    base->end = base->at + chunk_room(sink->chain->last);
    return 0;
}

static int chain_lend(struct sink *base, struct bytes bytes, void *owner)
{
    struct chain_sink *sink = chain_sink_of(base);
    settle(sink);
    struct chunk *chunk = NULL;
    if (sink->chain->bytes + bytes.size <= sink->bytes_max) {
        chunk = chunk_create(sink->thread->pool, 0);
    }
    if (chunk == NULL) {
        keyspace_drop(sink->thread, owner);
        base->failed = true;
        return -ENOMEM;
    }
    chunk->data = bytes.data;
    chunk->size = bytes.size;
    chunk->owner = owner;
    chain_push(sink->chain, chunk);
    return 0;
}

static size_t chain_place(const struct sink *base)
{
    const struct chain_sink *sink = (const struct chain_sink *)(const void *)base;
    size_t unsettled = base->at == NULL ? 0 : (size_t)(base->at - chunk_end(sink->chain->last));
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
