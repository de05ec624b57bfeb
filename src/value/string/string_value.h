/* string_value.h - strings too long to stand beside their key.
 *
 *   ┌──────────────┬──────┬──────────┬─────────────────┬──────────────┐
 *   │ struct value │ size │ capacity │ data, size bytes│ room to grow │
 *   └──────────────┴──────┴──────────┴─────────────────┴──────────────┘
 *
 * One block. What is to become a long string may be written straight into one: made with
 * string_create_unfilled, or grown by string_extend as bytes arrive, and then put under a key
 * (keyspace_put_long_string) without being copied.
 *
 * Bytes that were lent stay as they are while others are added behind them in the same block:
 * a shared string with room may be appended to, not otherwise changed.
 *
 * Memory comes from the pool (MEMORY_STRING).
 *
 * Threads: as value.h; one that no key has yet belongs to its maker.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "value/value.h"

/* Strings of this size and more are blocks of their own. */
enum { STRING_EMBEDDED_MAX = 16 * 1024 };

extern const struct value_ops string_ops;

struct string {
    struct value value;
    size_t size;
    size_t capacity;
    char data[];
};

/* A string with a copy of `bytes` and room for `capacity` >= bytes.size; NULL
 * when out of memory. */
struct string *string_create(struct pool *pool, struct bytes bytes, size_t capacity);

/* A string of `size` bytes, which the caller is to fill; NULL when out of memory. A large one
 * takes no memory but for the pages that are written to. */
struct string *string_create_unfilled(struct pool *pool, size_t size);

/* Make an unshared string `more` bytes longer; they come from the caller, to data + the old
 * size. It may move: *string is the new place. When it is full it grows by half again, so that
 * growing in small steps is linear. 0, or -ENOMEM with nothing changed. */
NODISCARD int string_extend(struct string **string, struct pool *pool, size_t more);

/* Make an unshared string `size` bytes long, not less than it is, those added zero. As
 * string_extend; a large string takes no memory for what it grows by, if that is more than
 * itself, until it is written to. */
NODISCARD int string_extend_zeroed(struct string **string, struct pool *pool, size_t size);

/* A copy of `head` that is `size` bytes long, not less, those beyond `head` zero, with room to
 * grow if that seems to be going on; NULL when out of memory. */
struct string *string_copy_zeroed(struct pool *pool, struct bytes head, size_t size);

/* Free it, whoever held it. */
void string_destroy(struct string *string, struct pool *pool);

static inline struct string *string_of_value(struct value *value)
{
    ASSERT(value->type == VALUE_STRING);
    return (struct string *)(void *)value;
}

static inline struct bytes string_bytes(const struct string *string)
{
    return bytes_make(string->data, string->size);
}
