/* zset_element.h - a member and its score in one block, of a large sorted set.
 *
 *   byte 0   1               5 or 9
 *   ┌──────┬────────────────┬────────────────────────┬────────┐
 *   │ head │ score          │ size (u32, only where  │ member │
 *   │      │ (4 or 8 bytes) │ head says 63)          │        │
 *   └──────┴────────────────┴────────────────────────┴────────┘
 *
 *   head   bits 0-1 enum element_form, 2-7 the member's size, 63: see the u32
 *
 * A score takes four bytes where these hold it exactly (whole numbers below 2^32,
 * and what a float holds), because blocks come in steps of eight: a member of 19
 * bytes then takes 24 instead of 32.
 *
 * Worked example, member ab with score 3 (little endian): 09 03 00 00 00 61 62.
 *
 * Threads: as zset.h.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum element_form { ELEMENT_DOUBLE, ELEMENT_UNSIGNED, ELEMENT_FLOAT };

enum { ELEMENT_SIZE_LONG = 63 };

struct element {
    unsigned char head;
    unsigned char rest[];
};

static inline bool element_same_bits(double a, double b)
{
    return a == b && signbit(a) == signbit(b); // Tells 0.0 and -0.0 apart.
}

/* The shortest form that holds `score` exactly. */
static inline enum element_form element_form_of(double score)
{
    if (score >= 0 && score <= UINT32_MAX && element_same_bits((uint32_t)score, score)) {
        return ELEMENT_UNSIGNED;
    }
    if ((fabs(score) <= (double)FLT_MAX || isinf(score)) &&
        element_same_bits((double)(float)score, score)) {
        return ELEMENT_FLOAT;
    }
    return ELEMENT_DOUBLE;
}

static inline size_t element_score_size(enum element_form form)
{
    return form == ELEMENT_DOUBLE ? sizeof(double) : sizeof(float);
}

static inline enum element_form element_form(const struct element *element)
{
    return (enum element_form)(element->head & 3);
}

static inline double element_score(const struct element *element)
{
    double score;
    float single;
    uint32_t whole;
    switch (element_form(element)) {
    case ELEMENT_UNSIGNED:
        memcpy(&whole, element->rest, sizeof(whole));
        return whole;
    case ELEMENT_FLOAT:
        memcpy(&single, element->rest, sizeof(single));
        return (double)single;
    case ELEMENT_DOUBLE:
    default:
        memcpy(&score, element->rest, sizeof(score));
        return score;
    }
}

static inline struct bytes element_member(const struct element *element)
{
    const unsigned char *at = element->rest + element_score_size(element_form(element));
    uint32_t size = element->head >> 2;
    if (UNLIKELY(size == ELEMENT_SIZE_LONG)) {
        memcpy(&size, at, sizeof(size));
        at += sizeof(size);
    }
    return bytes_make((const char *)at, size);
}

/* The block for a member and a score: whole steps of the pool, so that a score may
 * change its form where the block stays the same. */
static inline size_t element_block_size(size_t member_size, enum element_form form)
{
    size_t size = sizeof(struct element) + element_score_size(form) + member_size;
    size += member_size >= ELEMENT_SIZE_LONG ? sizeof(uint32_t) : 0;
    return (size + 7) & ~(size_t)7;
}

static inline size_t element_size(const struct element *element)
{
    return element_block_size(element_member(element).size, element_form(element));
}

/* Write `member` (which may already stand in the element, elsewhere) and `score`
 * into a block of the right size. */
static inline void element_write(struct element *element, struct bytes member, double score)
{
    enum element_form form = element_form_of(score);
    bool is_long = member.size >= ELEMENT_SIZE_LONG;
    unsigned char *at = element->rest + element_score_size(form);
    if (member.size > 0) {
        memmove(at + (is_long ? sizeof(uint32_t) : 0), member.data, member.size);
    }
    if (is_long) {
        uint32_t size = (uint32_t)member.size;
        memcpy(at, &size, sizeof(size));
    }
    size_t head_size = is_long ? ELEMENT_SIZE_LONG : member.size;
    element->head = (unsigned char)(head_size << 2 | form);
    if (form == ELEMENT_UNSIGNED) {
        uint32_t whole = (uint32_t)score;
        memcpy(element->rest, &whole, sizeof(whole));
    } else if (form == ELEMENT_FLOAT) {
        float single = (float)score;
        memcpy(element->rest, &single, sizeof(single));
    } else {
        memcpy(element->rest, &score, sizeof(score));
    }
}
