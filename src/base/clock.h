/* clock.h - the two clocks, read here and nowhere else.
 *
 * Loops read them once a turn and pass the time down; the store and everything
 * below never reads a clock, but for pool_rest in background threads.
 *
 * Threads: any.
 */
#pragma once

#include <stdint.h>

/* Milliseconds since the Unix epoch; steps when the administrator sets it. */
uint64_t clock_wall_ms(void);

/* Microseconds since the Unix epoch. */
uint64_t clock_wall_us(void);

/* Nanoseconds since some fixed point; never goes back. */
uint64_t clock_monotonic_ns(void);

/* Milliseconds since the same point, some milliseconds late: cheap enough for each turn. */
uint64_t clock_monotonic_coarse_ms(void);

/* Nanoseconds of CPU time that the calling thread has used. */
uint64_t clock_thread_cpu_ns(void);

/* The clocks of a thread that tests give others: both as above. */
struct clock_source {
    uint64_t (*wall_us)(void *context);
    uint64_t (*monotonic_ms)(void *context);
    void *context;
};

/* clock_wall_us and clock_monotonic_coarse_ms. */
extern const struct clock_source clock_system;
