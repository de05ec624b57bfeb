/* counter.h - a count that one thread keeps and others read.
 *
 * The writer needs no locked instruction: it alone changes the count. A reader sees some value
 * that the count had a moment ago.
 *
 * Threads: counter_add, the one writer; counter_read, any.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

/* Add `n`; a difference below zero is (uint64_t)-1 and so on. */
static inline void counter_add(counter *count, uint64_t n)
{
    uint64_t old = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, old + n, memory_order_relaxed);
}

static inline uint64_t counter_read(const counter *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}
