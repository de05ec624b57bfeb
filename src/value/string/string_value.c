#include "value/string/string_value.h"

#include <errno.h>
#include <string.h>

static size_t block_size(size_t capacity)
{
    return sizeof(struct string) + capacity;
}

/* The capacity for a string of `old_size` that becomes `size` long: it probably goes on, when it
 * has not just become several times as long. */
static size_t capacity_for(size_t old_size, size_t size)
{
    return size / 2 <= old_size ? size + size / 2 : size;
}

static struct string *begin(struct string *string, size_t size, size_t capacity)
{
    if (string != NULL) {
        value_init(&string->value, VALUE_STRING);
        string->size = size;
        string->capacity = capacity;
    }
    return string;
}

struct string *string_create(struct pool *pool, struct bytes bytes, size_t capacity)
{
    ASSERT(bytes.size <= capacity);
    struct string *string = pool_alloc(pool, MEMORY_STRING, block_size(capacity));
    string = begin(string, bytes.size, capacity);
    if (string != NULL && bytes.size > 0) {
        memcpy(string->data, bytes.data, bytes.size);
    }
    return string;
}

struct string *string_create_unfilled(struct pool *pool, size_t size)
{
    return begin(pool_alloc(pool, MEMORY_STRING, block_size(size)), size, size);
}

struct string *string_copy_zeroed(struct pool *pool, struct bytes head, size_t size)
{
    ASSERT(head.size <= size);
    size_t capacity = capacity_for(head.size, size);
    bool is_mostly_new = size / 2 > head.size;
    struct string *string = is_mostly_new
                                ? pool_alloc_zeroed(pool, MEMORY_STRING, block_size(capacity))
                                : pool_alloc(pool, MEMORY_STRING, block_size(capacity));
    string = begin(string, size, capacity);
    if (string == NULL) {
        return NULL;
    }
    if (head.size > 0) {
        memcpy(string->data, head.data, head.size);
    }
    if (!is_mostly_new) {
        memset(string->data + head.size, 0, size - head.size);
    }
    return string;
}

int string_extend(struct string **string, struct pool *pool, size_t more)
{
    struct string *s = *string;
    size_t size = s->size + more;
    if (size > s->capacity) {
        size_t capacity = capacity_for(s->size, size);
        s = pool_resize(pool, MEMORY_STRING, s, block_size(s->capacity), block_size(capacity));
        if (s == NULL) {
            return -ENOMEM;
        }
        s->capacity = capacity;
        *string = s;
    }
    s->size = size;
    return 0;
}

int string_extend_zeroed(struct string **string, struct pool *pool, size_t size)
{
    struct string *s = *string;
    size_t old_size = s->size;
    ASSERT(size >= old_size && !value_is_shared(&s->value));
    if (size <= s->capacity || size / 2 <= old_size) {
        int error = string_extend(string, pool, size - old_size);
        if (error == 0) {
            memset((*string)->data + old_size, 0, size - old_size);
        }
        return error;
    }
    struct string *moved = string_copy_zeroed(pool, string_bytes(s), size);
    if (moved == NULL) {
        return -ENOMEM;
    }
    string_destroy(s, pool);
    *string = moved;
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
