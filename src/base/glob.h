/* glob.h - patterns as KEYS and SCAN take them.
 *
 *   *       any bytes, none included      ?       any byte
 *   [a-z]   one of these                  [^a-z]  any byte but these
 *   \x      x itself
 *
 * As in Redis: a class that is not closed ends with the pattern, and a range may be given
 * either way round. Only the last star is ever tried again, so matching takes at most
 * pattern times text steps, whatever the pattern.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>

/* Whether all of `text` matches `pattern`. */
bool glob_matches(struct bytes pattern, struct bytes text);

/* The same with ASCII letters alike in both cases. */
bool glob_matches_caseless(struct bytes pattern, struct bytes text);
