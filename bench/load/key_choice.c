#include "load/key_choice.h"

#include <math.h>

/* log1p(x) / x and expm1(x) / x, also near 0, where theta close to 1 puts them. */
static double log1p_ratio(double x)
{
    return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x * (0.5 - x / 3);
}

static double expm1_ratio(double x)
{
    return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x * 0.5 * (1 + x / 3);
}

static double density(double x, double theta)
{
    return exp(-theta * log(x));
}

/* The integral of the density from 1 to x, and its inverse. */
static double area(double x, double theta)
{
    double log_x = log(x);
    return expm1_ratio((1 - theta) * log_x) * log_x;
}

static double area_inverse(double y, double theta)
{
    double t = y * (1 - theta);
    if (t < -1) {
        t = -1; // Rounding at the far end.
    }
    return exp(log1p_ratio(t) * y);
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void key_choice_init(struct key_choice *choice, uint64_t count, double theta)
{
    *choice = (struct key_choice){.count = count, .theta = theta};
    // Near the golden section of 2^64, so multiples of it scatter evenly.
    choice->spread = 0x9E3779B97F4A7C15U % count;
    while (greatest_common_divisor(choice->spread, count) != 1) {
        choice->spread++;
    }
    if (theta > 0) {
        choice->area_first = area(1.5, theta) - 1;
        choice->area_last = area((double)count + 0.5, theta);
        choice->shortcut = 2 - area_inverse(area(2.5, theta) - density(2, theta), theta);
    }
}

uint64_t key_choice_rank(const struct key_choice *choice, struct random *random)
{
    for (;;) {
        double unit = (double)(random_next(random) >> 11) * 0x1p-53;
        double y = choice->area_last + unit * (choice->area_first - choice->area_last);
        double x = area_inverse(y, choice->theta);
        double rank = floor(x + 0.5);
        if (rank < 1) {
            rank = 1;
        } else if (rank > (double)choice->count) {
            rank = (double)choice->count;
        }
        if (rank - x <= choice->shortcut ||
            y >= area(rank + 0.5, choice->theta) - density(rank, choice->theta)) {
            return (uint64_t)rank;
        }
    }
}
