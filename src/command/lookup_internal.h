/* lookup_internal.h - a command's name as one 64-bit word.
 *
 * Names of up to 8 bytes are their own word: zero-padded, letters in upper case. Longer
 * ones are mixed from their first and last 8 bytes, and must be compared in full.
 *
 *   name ── word ── * MULTIPLIER >> shift ──> slot ──> index + 1, or 0 when free
 *
 *   container's index, word of the subcommand ── word
 *
 * The slots are made at build time by tools/commands.c, which shares this file; the last
 * probes of a crowded slot go on at the next one, around the end.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"

#include <stdint.h>
#include <string.h>

enum { LOOKUP_WHOLE_MAX = 8 }; // Names up to this size equal when their words do.

/* Turn the lower-case letters among 8 bytes into upper case. */
static inline uint64_t lookup_fold(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t low_bits = word & ones * 0x7f;
    uint64_t from_a = low_bits + ones * (0x80 - 'a');     // Top bit: at least 'a'.
    uint64_t past_z = low_bits + ones * (0x80 - 'z' - 1); // Top bit: above 'z'.
    uint64_t lower = (from_a ^ past_z) & ~word & ones * 0x80;
    return word ^ lower >> 2;
}

static inline uint64_t lookup_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* The word of a name; size >= 1. Reads no byte outside it. */
static inline uint64_t lookup_word(struct bytes name)
{
    const char *at = name.data;
    size_t size = name.size;
    if (size > LOOKUP_WHOLE_MAX) {
        uint64_t last = lookup_fold(lookup_load(at + size - sizeof(uint64_t)));
        return lookup_fold(lookup_load(at)) ^ (last << 29 | last >> 35) ^ size;
    }
    if (size >= sizeof(uint32_t)) {
        uint32_t first;
        uint32_t last; // Overlaps first unless size is 8: then both say the same.
        memcpy(&first, at, sizeof(first));
        memcpy(&last, at + size - sizeof(last), sizeof(last));
        return lookup_fold(first | (uint64_t)last << 8 * (size - sizeof(last)));
    }
    uint64_t word = (unsigned char)at[0];
    word |= (uint64_t)(unsigned char)at[size / 2] << 8 * (size / 2);
    word |= (uint64_t)(unsigned char)at[size - 1] << 8 * (size - 1);
    return lookup_fold(word);
}

/* The word of a subcommand. It ends in a lower-case letter, as no short name's does, and is
 * no long name's by itself: command_find can take it for none. Different ones may have the same:
 * they must be compared in full. */
static inline uint64_t lookup_subword(uint64_t word, uint32_t container)
{
    uint64_t mixed = (word ^ word >> 56) + (container + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed << 8 >> 8 | (uint64_t)'a' << 56;
}
