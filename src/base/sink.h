/* sink.h - where replies are written.
 *
 *        start            at                 end
 *          │ written       │ free             │
 *          ▼               ▼                  ▼
 *     ...  ████████████████░░░░░░░░░░░░░░░░░░░
 *
 * A sink offers a run of free bytes; the writer fills from `at` and asks for
 * more through sink_reserve. Who owns the bytes (a worker's arena, a chain of
 * chunks of a background job) decides in `more` how to go on when they run out.
 *
 * A failed sink (out of memory, over the client's limit) swallows what follows;
 * its owner closes the connection.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sink;

struct sink_ops {
    /* Make room for `size` bytes in a row at sink->at. 0 or negative errno. */
    int (*more)(struct sink *sink, size_t size);
    /* Append `bytes` without copying; `owner` is held until they are sent and
     * released by the sink's owner. NULL where the sink can only copy. */
    int (*lend)(struct sink *sink, struct bytes bytes, void *owner);
    /* How many bytes are there to be sent, as a place for `insert`. Places before the one
     * that bytes are inserted at keep their meaning. */
    size_t (*place)(const struct sink *sink);
    /* Put `bytes` in at an earlier place: what was written after it moves. 0 or negative
     * errno. */
    int (*insert)(struct sink *sink, size_t place, struct bytes bytes);
};

struct sink {
    char *at;
    char *end;
    const struct sink_ops *ops;
    bool failed;
};

/* Borrow at least `size` writable bytes at sink->at; NULL when the sink failed. */
static inline char *sink_reserve(struct sink *sink, size_t size)
{
    if (LIKELY((size_t)(sink->end - sink->at) >= size)) {
        return sink->at;
    }
    if (sink->failed || sink->ops->more(sink, size) < 0) {
        sink->failed = true;
        sink->end = sink->at;
        return NULL;
    }
    return sink->at;
}

/* `size` of the reserved bytes are written. */
static inline void sink_commit(struct sink *sink, size_t size)
{
    DEBUG_ASSERT(size <= (size_t)(sink->end - sink->at));
    sink->at += size;
}

/* Copy `bytes` to the end. */
static inline void sink_write(struct sink *sink, struct bytes bytes)
{
    char *at = sink_reserve(sink, bytes.size);
    if (LIKELY(at != NULL && bytes.size > 0)) {
        memcpy(at, bytes.data, bytes.size);
        sink_commit(sink, bytes.size);
    }
}

/* Where the next byte will be written, for sink_insert. */
static inline size_t sink_place(const struct sink *sink)
{
    return sink->failed ? 0 : sink->ops->place(sink);
}

/* Put a copy of `bytes`, some tens at most, in at an earlier place. Takes time in proportion to
 * what was written since, up to a sink's run or a chunk. */
static inline void sink_insert(struct sink *sink, size_t place, struct bytes bytes)
{
    if (!sink->failed && sink->ops->insert(sink, place, bytes) < 0) {
        sink->failed = true;
        sink->end = sink->at;
    }
}
