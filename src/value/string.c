#include "value/string.h"

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

void string_destroy(struct string *string, struct pool *pool)
{
    if (string != NULL) {
        pool_free(pool, MEMORY_STRING, string, block_size(string->capacity));
    }
}
