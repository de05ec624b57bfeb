/* effect.h - what handlers tell the effects' listener.
 *
 * Each function costs one branch when nobody listens.
 *
 * Threads: as call.h; with the locks of the call's keys held.
 */
#pragma once

#include "base/error.h"
#include "command/call.h"

/* The string that the key now holds, with its deadline: "SET k v [PXAT t]". `event` is what
 * notifications name ("set", "incrby" ...). */
void effect_set(struct call *call, const struct key *key, const char *event);

/* "DEL k" */
void effect_delete(struct call *call, const struct key *key);

/* An event that goes with what was told before: nothing is to be done again. */
void effect_event(struct call *call, const struct key *key, const char *event,
                  enum effect_class class);

/* "PEXPIREAT k t" */
void effect_deadline(struct call *call, const struct key *key, uint64_t deadline_ms);

enum { EFFECT_INLINE_ARGS = 18 };

/* One effect whose arguments are collected while the command works. Its memory is taken
 * before anything is changed: an effect is never lost. */
struct effect_list {
    struct bytes *argv; // NULL: nobody listens.
    uint32_t argc;
    uint32_t argc_max;
    uint32_t argc_empty; // The name and the key.
    struct bytes inline_argv[EFFECT_INLINE_ARGS];
};

/* Begin with `name`, and `key` unless it is NULL, with room for `args`
 * more. False when out of memory (answered). */
NODISCARD bool effect_list_begin(struct effect_list *list, struct call *call, const char *name,
                                 const struct key *key, uint32_t args);

static inline void effect_list_add(struct effect_list *list, struct bytes arg)
{
    if (UNLIKELY(list->argv != NULL)) {
        ASSERT(list->argc < list->argc_max);
        list->argv[list->argc++] = arg;
    }
}

/* Report it as `event` if anything was added, and free it. */
void effect_list_end(struct effect_list *list, struct call *call, struct effect_event event);
