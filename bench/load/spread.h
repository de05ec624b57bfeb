/* spread.h - the middle of some measurements and how far they scatter.
 *
 * Threads: pure.
 */
#pragma once

#include <stddef.h>

struct spread {
    double low; // First quartile.
    double median;
    double high; // Third quartile.
};

/* Sort `values` and sum them up, interpolating between neighbours; NaNs are left
 * out. All three are NaN when nothing is left. */
struct spread spread_of(double *values, size_t count);
