#include "shortage.h"

#include "base/pool_internal.h"

void shortage_begin(struct shortage *shortage, struct depot *depot)
{
    while (!depot_is_short(depot)) {
        ASSERT(shortage->count < SHORTAGE_CHUNKS_MAX);
        void *chunk = chunk_borrow(&depot->chunks);
        ASSERT(chunk != NULL);
        shortage->chunks[shortage->count++] = chunk;
    }
}

void shortage_end(struct shortage *shortage, struct depot *depot)
{
    depot_upkeep(depot);
    while (shortage->count > 0) {
        bool was_borrowed = chunk_unborrow(&depot->chunks, shortage->chunks[--shortage->count]);
        ASSERT(was_borrowed);
    }
}
