/* glob.h - patterns as KEYS and SCAN take them.
 *
 *   *       any bytes, none included      ?       any byte
 *   [a-z]   one of these                  [^a-z]  any byte but these
 *   \x      x itself
 *
 * As in Redis: a class that is not closed ends with the pattern, and a range may be given
 * either way round.
 *
 * A pattern that is used often is compiled once, into segments between its stars:
 *
 *   user:*[0-9]x*   ──>   "user:" at the front, then anywhere  [0-9] x, then nothing at the end
 *
 * Each element of a segment stands for one byte. Where a segment is may be searched from the
 * left: the first place is as good as any. Segments without classes and ? are found by memmem,
 * in linear time; others take at most their size times the text's, which is counted.
 *
 * Ownership: a compiled pattern owns its memory and does not need the text it was made from.
 * Threads:   pure functions.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "base/pool.h"

#include <stdbool.h>
#include <stdint.h>

enum { GLOB_PATTERN_MAX = 1024 * 1024 }; // Bytes of a pattern that is compiled.

struct glob_segment;

struct glob {
    struct glob_segment *segments; // In the order of the pattern, between its stars.
    uint32_t segment_count;        // One more than there are stars.
    char *bytes;                   // Of all elements: the literal byte,
    uint32_t *kinds;               // unless this says any byte or which class.
    uint64_t (*classes)[4];        // A bit for each byte.
    size_t memory_size;            // Of the block that all these are in.
};

/* Compile a pattern. 0, -ENOMEM, or -E2BIG beyond GLOB_PATTERN_MAX. */
NODISCARD int glob_compile(struct glob *glob, struct pool *pool, struct bytes pattern);
void glob_free(struct glob *glob, struct pool *pool);

enum glob_outcome { GLOB_DIFFERS, GLOB_MATCHES, GLOB_TOO_LONG };

/* Whether all of `text` matches. *steps is what it may take, about a nanosecond each, and
 * becomes what is left; GLOB_TOO_LONG when that is nothing. */
enum glob_outcome glob_match(const struct glob *glob, struct bytes text, uint64_t *steps);

/* Whether all of `text` matches `pattern`, ASCII letters alike in both cases; at most pattern
 * times text steps. For short ones, without compiling. */
bool glob_matches_caseless(struct bytes pattern, struct bytes text);
