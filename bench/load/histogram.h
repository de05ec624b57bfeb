/* histogram.h - counts of durations, to three significant digits.
 *
 * Log-linear buckets, the idea of HdrHistogram (Tene): below 2,048 ns every
 * nanosecond has its own bucket; above, each doubling is cut into 1,024, so a
 * bucket is never wider than a thousandth of its value.
 *
 *      0 .. 2047          2048 .. 4095        4096 .. 8191       ...
 *     ├─ 2,048 of 1 ns ─┼─ 1,024 of 2 ns ─┼─ 1,024 of 4 ns ─┼─
 *
 * Limits:  values above HISTOGRAM_VALUE_MAX (18 minutes) count as it.
 * Threads: one at a time.
 */
#pragma once

#include <stdint.h>

enum {
    HISTOGRAM_LINEAR_BITS = 11,
    HISTOGRAM_VALUE_BITS = 40,
    HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_LINEAR_BITS + 2)
                        << (HISTOGRAM_LINEAR_BITS - 1),
};

#define HISTOGRAM_VALUE_MAX ((UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1)

struct histogram {
    uint64_t count;
    uint64_t max; // Exact, not rounded to its bucket.
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Forget everything. */
void histogram_clear(struct histogram *histogram);

/* The bucket of a value; pure. */
static inline uint32_t histogram_bucket(uint64_t value)
{
    if (value < (1U << HISTOGRAM_LINEAR_BITS)) {
        return (uint32_t)value;
    }
    if (value > HISTOGRAM_VALUE_MAX) {
        value = HISTOGRAM_VALUE_MAX;
    }
    // Keep the leading 11 bits; each dropped bit moves on by one doubling.
    uint32_t dropped = 64U - HISTOGRAM_LINEAR_BITS - (uint32_t)__builtin_clzll(value);
    return (dropped << (HISTOGRAM_LINEAR_BITS - 1)) + (uint32_t)(value >> dropped);
}

/* Count `value` `times` times. */
static inline void histogram_add(struct histogram *histogram, uint64_t value, uint64_t times)
{
    histogram->buckets[histogram_bucket(value)] += times;
    histogram->count += times;
    if (value > histogram->max) {
        histogram->max = value;
    }
}

/* Add all counts of `from`. */
void histogram_merge(struct histogram *histogram, const struct histogram *from);

/* The smallest value that `share` (0..1) of the counts do not exceed, rounded up
 * to the end of its bucket but not above the maximum; 0 when empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);
