/* string_value.h - strings too long to stand beside their key.
 *
 * One block: header, then the bytes. Grows by half again, so that APPEND in a
 * loop is linear. Memory comes from the pool (MEMORY_STRING).
 *
 * Threads: as value.h.
 */
#pragma once

#include "base/bytes.h"
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

/* Append to an unshared string; it may move: *string is the new place. 0, or
 * -ENOMEM with nothing changed. */
NODISCARD int string_append(struct string **string, struct pool *pool, struct bytes bytes);

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
