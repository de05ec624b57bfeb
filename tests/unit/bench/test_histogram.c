#include "load/histogram.h"

#include "base/random.h"
#include "unit.h"

#include <stdlib.h>

static struct histogram *make(void)
{
    struct histogram *histogram = calloc(1, sizeof(*histogram));
    ck_assert_ptr_nonnull(histogram);
    return histogram;
}

TEST(small_values_are_kept_exactly)
{
    struct histogram *histogram = make();
    for (uint64_t value = 1; value <= 1000; value++) {
        histogram_add(histogram, value, 1);
    }
    ck_assert_uint_eq(histogram_percentile(histogram, 0.5), 500);
    ck_assert_uint_eq(histogram_percentile(histogram, 0.99), 990);
    ck_assert_uint_eq(histogram_percentile(histogram, 0.999), 999);
    ck_assert_uint_eq(histogram_percentile(histogram, 1), 1000);
    ck_assert_uint_eq(histogram_percentile(histogram, 0), 1);
    free(histogram);
}

TEST(an_empty_histogram_has_only_zeros)
{
    struct histogram *histogram = make();
    ck_assert_uint_eq(histogram_percentile(histogram, 0.5), 0);
    ck_assert_uint_eq(histogram->max, 0);
    free(histogram);
}

TEST(every_value_comes_back_within_a_thousandth)
{
    struct histogram *histogram = make();
    struct random random = {.state = 7};
    for (int i = 0; i < 3000; i++) {
        uint64_t value = random_next(&random) >> (24 + random_below(&random, 40));
        histogram_clear(histogram);
        // A larger one keeps the percentile from being cut at the maximum.
        histogram_add(histogram, value, 3);
        histogram_add(histogram, HISTOGRAM_VALUE_MAX, 1);
        uint64_t got = histogram_percentile(histogram, 0.75);
        ck_assert_uint_ge(got, value);
        ck_assert_uint_le(got - value, value / 1000);
    }
    free(histogram);
}

TEST(buckets_are_in_order_without_gaps)
{
    uint32_t last = 0;
    uint64_t wrong = 0; // Check is too slow to be asked a million times.
    for (uint64_t value = 1; value < UINT64_C(1) << 22; value++) {
        uint32_t bucket = histogram_bucket(value);
        if (bucket != last && bucket != last + 1) {
            wrong = value;
        }
        last = bucket;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(histogram_bucket(2047), 2047);
    ck_assert_uint_eq(histogram_bucket(2048), 2048);
    ck_assert_uint_eq(histogram_bucket(2049), 2048);
    ck_assert_uint_eq(histogram_bucket(HISTOGRAM_VALUE_MAX), HISTOGRAM_BUCKETS - 1);
    ck_assert_uint_eq(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

TEST(the_maximum_is_exact)
{
    struct histogram *histogram = make();
    histogram_add(histogram, 123456789, 1);
    ck_assert_uint_eq(histogram->max, 123456789);
    ck_assert_uint_eq(histogram_percentile(histogram, 0.5), 123456789);
    free(histogram);
}

TEST(merging_adds_the_counts)
{
    struct histogram *one = make();
    struct histogram *two = make();
    histogram_add(one, 10, 90);
    histogram_add(two, 5000000, 10);
    histogram_merge(one, two);
    ck_assert_uint_eq(one->count, 100);
    ck_assert_uint_eq(histogram_percentile(one, 0.9), 10);
    ck_assert_uint_eq(histogram_percentile(one, 0.91), 5000000);
    ck_assert_uint_eq(one->max, 5000000);
    free(one);
    free(two);
}
