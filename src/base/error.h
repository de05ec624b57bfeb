/* error.h - asserts and the attributes that go with the error rules.
 *
 *   our bug              ASSERT, on in release; DEBUG_ASSERT where it costs more than O(1)
 *   the world fails      0 or negative errno, NODISCARD, outputs untouched
 *
 * Threads: any.
 */
#pragma once

#define NODISCARD           __attribute__((warn_unused_result))
/* For every function that does nothing but prefetch: gcc takes one for a function without
 * effect, and drops the calls of it that it does not inline. */
#define PREFETCH_INLINE     __attribute__((always_inline)) inline
#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

// An expression, so that it adds no nesting where it stands.
#define ASSERT(condition)                                                                          \
    (LIKELY(condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define DEBUG_ASSERT(condition) ((void)sizeof(condition))
#else
#define DEBUG_ASSERT(condition) ASSERT(condition)
#endif

/* Print where and what to stderr, then abort. */
__attribute__((noreturn, cold)) void assert_failed(const char *condition, const char *file,
                                                   int line);
