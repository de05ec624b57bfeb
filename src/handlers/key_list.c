#include "handlers/key_list_internal.h"

#include <string.h>

enum { CHUNK_SIZE_MIN = 2 * 1024, CHUNK_SIZE_MAX = POOL_CLASS_MAX };

struct key_chunk {
    struct key_chunk *next;
    size_t size; // Of the block.
    size_t used; // Of data.
    char data[];
};

void key_list_init(struct key_list *list, struct pool *pool)
{
    *list = (struct key_list){.pool = pool};
}

static void drop_first(struct key_list *list)
{
    struct key_chunk *chunk = list->first;
    list->first = chunk->next;
    pool_free(list->pool, MEMORY_JOB, chunk, chunk->size);
}

void key_list_deinit(struct key_list *list)
{
    while (list->first != NULL) {
        drop_first(list);
    }
    list->last = NULL;
}

// A chunk with room for `size` bytes at the end of the list; NULL when out of memory.
static struct key_chunk *add_chunk(struct key_list *list, size_t size)
{
    size_t block = list->last == NULL ? CHUNK_SIZE_MIN : list->last->size * 2;
    block = block > CHUNK_SIZE_MAX ? CHUNK_SIZE_MAX : block;
    if (block < sizeof(struct key_chunk) + size) {
        block = sizeof(struct key_chunk) + size;
    }
    struct key_chunk *chunk = pool_alloc(list->pool, MEMORY_JOB, block);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->next = NULL;
    chunk->size = block;
    chunk->used = 0;
    if (list->last == NULL) {
        list->first = chunk;
    } else {
        list->last->next = chunk;
    }
    list->last = chunk;
    return chunk;
}

void key_list_add(struct key_list *list, struct bytes name)
{
    uint32_t size = (uint32_t)name.size;
    struct key_chunk *chunk = list->last;
    if (list->failed) {
        return;
    }
    if (chunk == NULL || chunk->size - sizeof(*chunk) - chunk->used < sizeof(size) + name.size) {
        chunk = add_chunk(list, sizeof(size) + name.size);
        if (chunk == NULL) {
            list->failed = true;
            return;
        }
    }
    memcpy(chunk->data + chunk->used, &size, sizeof(size));
    memcpy(chunk->data + chunk->used + sizeof(size), name.data, name.size);
    chunk->used += sizeof(size) + name.size;
    list->count++;
}

static void reply_chunk(const struct key_chunk *chunk, struct reply *reply, struct pool *pool)
{
    for (size_t at = 0; at < chunk->used; pool_rest(pool, 1)) {
        uint32_t size;
        memcpy(&size, chunk->data + at, sizeof(size));
        at += sizeof(size);
        reply_value(reply, bytes_make(chunk->data + at, size));
        at += size;
    }
}

void key_list_reply(struct key_list *list, struct reply *reply)
{
    reply_array(reply, list->count);
    for (; list->first != NULL; drop_first(list)) {
        reply_chunk(list->first, reply, list->pool);
    }
    list->last = NULL;
}
