/* args.h - reads the arguments of a call, one behind the other.
 *
 *   struct args args = args_from(call, 2);
 *   if (!args_integer(&args, &count) || !args_options(&args, table, rows, &found) ||
 *       !args_end(&args)) {
 *       return;
 *   }
 *
 * What returns bool answers the client's mistake itself, and then returns false: the handler has
 * nothing more to do. Options are words of a table, in any order; each may exclude others and
 * may be followed by values.
 *
 * Threads: as call.h.
 */
#pragma once

#include "base/error.h"
#include "command/call.h"

struct args {
    struct call *call;
    uint32_t at; // The next one.
};

static inline struct args args_from(struct call *call, uint32_t at)
{
    return (struct args){.call = call, .at = at};
}

/* How many there are still. */
static inline uint32_t args_left(const struct args *args)
{
    return args->at < args->call->argc ? args->call->argc - args->at : 0;
}

/* The next one, which must be there. */
static inline struct bytes args_next(struct args *args)
{
    ASSERT(args->at < args->call->argc);
    return args->call->argv[args->at++];
}

/* Take the next one if it is this word, in upper case here. An outcome: nothing is answered. */
bool args_take_word(struct args *args, const char *word);

/* Read the next one as a number. */
NODISCARD bool args_integer(struct args *args, int64_t *value_out);
NODISCARD bool args_double(struct args *args, double *value_out);

enum { ARGS_FLAGS_MAX = 16 };

struct args_option {
    const char *word;  // Upper case.
    uint32_t flag;     // One bit below 1 << ARGS_FLAGS_MAX.
    uint32_t excludes; // Flags that it does not go with; its own: it may come only once.
    uint32_t values;   // Arguments behind it that belong to it.
    bool are_integers; // They must be.
};

struct args_found {
    uint32_t flags;
    uint32_t at[ARGS_FLAGS_MAX]; // args_value_at knows.
};

/* Read options as long as there are any; what follows them is left. The table has `count`
 * rows. When an option comes twice, the last one counts. */
NODISCARD bool args_options(struct args *args, const struct args_option *table, size_t count,
                            struct args_found *found_out);

/* Whether there is nothing left. */
NODISCARD bool args_end(struct args *args);

/* Which argument of the call is the first value of an option that was found. */
static inline uint32_t args_value_at(const struct args_found *found, uint32_t flag)
{
    ASSERT((found->flags & flag) != 0);
    return found->at[__builtin_ctz(flag)];
}
