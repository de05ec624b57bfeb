/* key_list_internal.h - names of keys gathered during a walk, to be answered after it.
 *
 *   first ── chunk ── chunk ── last        size (u32), bytes, size (u32), bytes ...
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/bytes.h"
#include "base/pool.h"
#include "proto/reply.h"

#include <stdbool.h>
#include <stddef.h>

struct key_chunk;

struct key_list {
    struct pool *pool;
    struct key_chunk *first;
    struct key_chunk *last;
    size_t count;
    bool failed; // Out of memory: something is missing.
};

/* An empty list. Allocates nothing. */
void key_list_init(struct key_list *list, struct pool *pool);

/* Free what is left of it. */
void key_list_deinit(struct key_list *list);

/* Append a copy of `name`; on failure says so in list->failed. */
void key_list_add(struct key_list *list, struct bytes name);

/* Answer with an array of the names, freeing each chunk behind. */
void key_list_reply(struct key_list *list, struct reply *reply);
