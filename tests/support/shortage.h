/* shortage.h - a depot whose memory is short for as long as a test likes.
 *
 * Threads: one.
 */
#pragma once

#include "base/pool.h"

enum { SHORTAGE_CHUNKS_MAX = 64 };

struct shortage {
    void *chunks[SHORTAGE_CHUNKS_MAX]; // What was taken away.
    unsigned count;
};

/* Take chunks until memory is short. The depot has got some by depot_upkeep before. */
void shortage_begin(struct shortage *shortage, struct depot *depot);

/* Get more memory, which wakes who waits for it, and give back what was taken. */
void shortage_end(struct shortage *shortage, struct depot *depot);
