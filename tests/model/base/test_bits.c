/* Bits of random strings, against loops over single bits. */
#include "base/bits.h"
#include "seed.h"
#include "unit.h"

#include <string.h>

enum { ROUNDS = 1500, SIZE_LIMIT = 9000, STRINGS = 5 };

static bool bit_at(struct bytes string, uint64_t place)
{
    return place / 8 < string.size && ((uint8_t)string.data[place / 8] << place % 8 & 0x80) != 0;
}

static size_t random_size(struct random *random)
{
    return random_below(random, random_below(random, 4) == 0 ? SIZE_LIMIT : 40);
}

// Long runs of zeros or ones, with some bits between them.
static void fill(struct random *random, char *out, size_t size)
{
    uint8_t *data = (uint8_t *)out;
    unsigned kind = (unsigned)random_below(random, 3);
    for (size_t i = 0; i < size; i++) {
        data[i] = kind == 0 ? (uint8_t)random_next(random) : kind == 1 ? 0 : UINT8_MAX;
    }
    for (uint64_t n = random_below(random, 3); n > 0 && size > 0; n--) {
        data[random_below(random, size)] ^= (uint8_t)(1U << random_below(random, 8));
    }
}

static void check_range(struct random *random, struct bytes string)
{
    uint64_t bits = string.size * 8;
    uint64_t first = random_below(random, bits);
    uint64_t last = first + random_below(random, bits - first);
    uint64_t count = 0;
    bool sought = random_below(random, 2) == 0;
    uint64_t expected = UINT64_MAX;
    for (uint64_t i = first; i <= last; i++) {
        count += bit_at(string, i);
        if (expected == UINT64_MAX && bit_at(string, i) == sought) {
            expected = i;
        }
    }
    uint64_t place = UINT64_MAX;
    ck_assert_uint_eq(bits_count(string, first, last), count);
    ck_assert_int_eq(bits_find(string, first, last, sought, &place), expected != UINT64_MAX);
    ck_assert_uint_eq(place, expected);
}

static void check_field(struct random *random, char *data, size_t size)
{
    unsigned width = 1 + (unsigned)random_below(random, size * 8 < 64 ? size * 8 : 64);
    uint64_t first = random_below(random, size * 8 - width + 1);
    uint64_t value = random_next(random) >> (64 - width);
    static char before[SIZE_LIMIT];
    memcpy(before, data, size);
    bits_write(data, first, width, value);
    ck_assert_uint_eq(bits_read(bytes_make(data, size), first, width), value);
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < size * 8; i++) {
        bool expected = i >= first && i < first + width
                            ? (value >> (width - 1 - (i - first)) & 1) != 0
                            : bit_at(bytes_make(before, size), i);
        wrong += bit_at(bytes_make(data, size), i) != expected;
    }
    ck_assert_uint_eq(wrong, 0);
}

static bool combined(enum bits_operation operation, const struct bytes *strings, size_t count,
                     uint64_t place)
{
    bool first = bit_at(strings[0], place);
    size_t others = 0;
    for (size_t i = 1; i < count; i++) {
        others += bit_at(strings[i], place);
    }
    switch (operation) {
    case BITS_AND:
        return first && others == count - 1;
    case BITS_OR:
        return first || others > 0;
    case BITS_XOR:
        return (first + others) % 2 == 1;
    case BITS_NOT:
        return !first;
    case BITS_DIFF:
        return first && others == 0;
    case BITS_DIFF1:
        return !first && others > 0;
    case BITS_ANDOR:
        return first && others > 0;
    default:
        return first + others == 1;
    }
}

static void check_combination(struct random *random)
{
    static char room[STRINGS][SIZE_LIMIT];
    static char out[SIZE_LIMIT];
    struct bytes strings[STRINGS];
    enum bits_operation operation = (enum bits_operation)random_below(random, BITS_OPERATIONS);
    size_t count = operation == BITS_NOT ? 1 : 2 + random_below(random, STRINGS - 1);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        strings[i] = bytes_make(room[i], random_size(random));
        fill(random, room[i], strings[i].size);
        size = strings[i].size > size ? strings[i].size : size;
    }
    bits_combine(operation, strings, count, out, size);
    uint64_t wrong = 0;
    for (uint64_t place = 0; place < size * 8; place++) {
        wrong += bit_at(bytes_make(out, size), place) != combined(operation, strings, count, place);
    }
    ck_assert_uint_eq(wrong, 0);
    for (size_t i = 0; i < count; i++) { // Into one of them.
        if (strings[i].size == size) {
            bits_combine(operation, strings, count, room[i], size);
            ck_assert(size == 0 || memcmp(room[i], out, size) == 0);
            break;
        }
    }
}

TEST(bits_are_as_single_ones_say)
{
    static char data[SIZE_LIMIT];
    struct random random = seed_random("base/bits");
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = random_size(&random) + 1;
        fill(&random, data, size);
        check_range(&random, bytes_make(data, size));
        check_field(&random, data, size);
        check_combination(&random);
    }
}
