#include "value/string/string_value.h"

#include <errno.h>
#include <string.h>

static size_t block_size(size_t capacity)
{
    return sizeof(struct string) + capacity;
}

struct string *string_create(struct pool *pool, struct bytes bytes, size_t capacity)
{
    struct string *string = pool_alloc(pool, MEMORY_STRING, block_size(capacity));
    if (string == NULL) {
        return NULL;
    }
    value_init(&string->value, VALUE_STRING);
    string->size = bytes.size;
    string->capacity = capacity;
    if (bytes.size > 0) {
        memcpy(string->data, bytes.data, bytes.size);
    }
    return string;
}

int string_append(struct string **string, struct pool *pool, struct bytes bytes)
{
    struct string *s = *string;
    size_t size = s->size + bytes.size;
    if (size > s->capacity) {
        size_t capacity = size + size / 2;
        s = pool_resize(pool, MEMORY_STRING, s, block_size(s->capacity), block_size(capacity));
        if (s == NULL) {
            return -ENOMEM;
        }
        s->capacity = capacity;
        *string = s;
    }
    if (bytes.size > 0) {
        memcpy(s->data + s->size, bytes.data, bytes.size);
    }
    s->size = size;
    return 0;
}

// A block of pages costs about as much to free as a small object each.
enum { FREE_UNIT_BYTES = 16 * 1024 };

void string_destroy(struct string *string, struct pool *pool)
{
    if (string != NULL) {
        pool_free(pool, MEMORY_STRING, string, block_size(string->capacity));
    }
}

// ---- as a value ----

static const struct string *string_at(const struct value *value)
{
    return (const struct string *)(const void *)value;
}

static const char *encoding(const struct value *value)
{
    (void)value;
    return "raw";
}

static size_t free_effort(const struct value *value)
{
    return 1 + string_at(value)->capacity / FREE_UNIT_BYTES;
}

static void free_value(struct value *value, struct pool *pool)
{
    string_destroy(string_of_value(value), pool);
}

static void validate(const struct value *value)
{
    ASSERT(string_at(value)->size <= string_at(value)->capacity);
}

const struct value_ops string_ops = {
    .name = "string",
    .is_copied_on_change = true,
    .encoding = encoding,
    .free_effort = free_effort,
    .free = free_value,
    .validate = validate,
};
