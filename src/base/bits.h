/* bits.h - strings as rows of bits, as Redis numbers them: bit 0 is the highest of byte 0.
 *
 *   byte        0                 1
 *   bit    0 1 2 3 4 5 6 7   8 9 10 11 12 13 14 15
 *   value  80 40 20 ... 01   80 40 ...
 *
 * Runs of whole bytes are worked on in words, or in vectors where the processor has them, which is
 * asked at run time.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bits from `first` to `last` are set; both are within the string, first <= last. */
uint64_t bits_count(struct bytes string, uint64_t first, uint64_t last);

/* Find the first bit from `first` to `last` that is `bit`. False when there is none. */
bool bits_find(struct bytes string, uint64_t first, uint64_t last, bool bit, uint64_t *place_out);

/* What becomes of bits at the same place in several strings. */
enum bits_operation {
    BITS_AND,
    BITS_OR,
    BITS_XOR,
    BITS_NOT,   // Of one string.
    BITS_DIFF,  // In the first, in none of the others.
    BITS_DIFF1, // In one of the others, not in the first.
    BITS_ANDOR, // In the first and in one of the others.
    BITS_ONE,   // In exactly one.
    BITS_OPERATIONS
};

/* Write the `size` bytes that the operation makes of `count` strings to `out`, which may be
 * one of them. What a string lacks at its end counts as zeros. */
void bits_combine(enum bits_operation operation, const struct bytes *strings, size_t count,
                  char *out, size_t size);

/* Read `width` bits, 1 to 64, from `first` on as an unsigned integer, the highest first; those
 * beyond the string are 0. */
uint64_t bits_read(struct bytes string, uint64_t first, unsigned width);

/* Write the lowest `width` bits of `value` there. All are within the string. */
void bits_write(char *data, uint64_t first, unsigned width, uint64_t value);
