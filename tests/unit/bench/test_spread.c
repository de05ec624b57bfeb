#include "load/spread.h"

#include "unit.h"

#include <math.h>

TEST(the_median_is_the_middle_and_quartiles_interpolate)
{
    double odd[] = {5, 1, 3};
    struct spread spread = spread_of(odd, 3);
    ck_assert_double_eq(spread.low, 2);
    ck_assert_double_eq(spread.median, 3);
    ck_assert_double_eq(spread.high, 4);
    double even[] = {4, 1, 3, 2};
    spread = spread_of(even, 4);
    ck_assert_double_eq_tol(spread.low, 1.75, 1e-12);
    ck_assert_double_eq_tol(spread.median, 2.5, 1e-12);
    ck_assert_double_eq_tol(spread.high, 3.25, 1e-12);
}

TEST(what_is_unknown_is_left_out)
{
    double values[] = {NAN, 7, NAN};
    ck_assert_double_eq(spread_of(values, 3).median, 7);
    double unknown[] = {NAN};
    ck_assert(isnan(spread_of(unknown, 1).median));
    ck_assert(isnan(spread_of(unknown, 0).high));
}
