#include "base/clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now); // Cannot fail for the clocks used here.
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t clock_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000U;
}

uint64_t clock_wall_us(void)
{
    return read_ns(CLOCK_REALTIME) / 1000U;
}

uint64_t clock_monotonic_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_monotonic_coarse_ms(void)
{
    return read_ns(CLOCK_MONOTONIC_COARSE) / 1000000U;
}

uint64_t clock_thread_cpu_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

static uint64_t system_wall_us(void *context)
{
    (void)context;
    return clock_wall_us();
}

static uint64_t system_monotonic_ms(void *context)
{
    (void)context;
    return clock_monotonic_coarse_ms();
}

const struct clock_source clock_system = {
    .wall_us = system_wall_us,
    .monotonic_ms = system_monotonic_ms,
};
