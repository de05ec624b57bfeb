#include "load/histogram.h"

#include <math.h>
#include <string.h>

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

void histogram_merge(struct histogram *histogram, const struct histogram *from)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        histogram->buckets[i] += from->buckets[i];
    }
    histogram->count += from->count;
    if (from->max > histogram->max) {
        histogram->max = from->max;
    }
}

/* The largest value that falls into a bucket; the inverse of histogram_bucket. */
static uint64_t bucket_end(uint32_t bucket)
{
    if (bucket < (1U << HISTOGRAM_LINEAR_BITS)) {
        return bucket;
    }
    uint32_t dropped = (bucket >> (HISTOGRAM_LINEAR_BITS - 1)) - 1;
    uint64_t leading = bucket - (dropped << (HISTOGRAM_LINEAR_BITS - 1));
    return ((leading + 1) << dropped) - 1;
}

uint64_t histogram_percentile(const struct histogram *histogram, double share)
{
    if (histogram->count == 0) {
        return 0;
    }
    uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count);
    if (wanted == 0) {
        wanted = 1;
    }
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted) {
            uint64_t end = bucket_end(i);
            return end < histogram->max ? end : histogram->max;
        }
    }
    return histogram->max;
}
