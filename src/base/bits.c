#include "base/bits.h"

#include "base/error.h"

enum { BITS_PER_BYTE = 8, BLOCK = 4096 };

#if defined(__x86_64__)
#define WITH_POPCNT __attribute__((target("popcnt")))
#define WITH_AVX2   __attribute__((target("avx2,popcnt")))
#define HAS_VARIANTS
#endif
#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE uint64_t word_at(const char *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof(word));
    return word;
}

// ---- counting ----

ALWAYS_INLINE uint64_t count_bytes(const char *data, size_t size)
{
    uint64_t sums[4] = {0};
    for (; size >= sizeof(uint64_t) * 4; size -= sizeof(uint64_t) * 4) {
        for (int i = 0; i < 4; i++) {
            sums[i] += (uint64_t)__builtin_popcountll(word_at(data));
            data += sizeof(uint64_t);
        }
    }
    for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t)) {
        sums[0] += (uint64_t)__builtin_popcountll(word_at(data));
        data += sizeof(uint64_t);
    }
    if (size > 0) {
        uint64_t rest = 0;
        memcpy(&rest, data, size);
        sums[1] += (uint64_t)__builtin_popcountll(rest);
    }
    return sums[0] + sums[1] + sums[2] + sums[3];
}

#ifdef HAS_VARIANTS
WITH_POPCNT static uint64_t count_bytes_popcnt(const char *data, size_t size)
{
    return count_bytes(data, size);
}
#endif

static uint64_t count_whole_bytes(const char *data, size_t size)
{
#ifdef HAS_VARIANTS
    if (__builtin_cpu_supports("popcnt")) {
        return count_bytes_popcnt(data, size);
    }
#endif
    return count_bytes(data, size);
}

// Of a byte, the bits from `first` to `last`.
static uint8_t mask_of(unsigned first, unsigned last)
{
    return (uint8_t)((0xFFU >> first) & (0xFFU << (BITS_PER_BYTE - 1 - last)));
}

uint64_t bits_count(struct bytes string, uint64_t first, uint64_t last)
{
    ASSERT(first <= last && last / BITS_PER_BYTE < string.size);
    size_t byte = first / BITS_PER_BYTE;
    size_t last_byte = last / BITS_PER_BYTE;
    uint64_t count = count_whole_bytes(string.data + byte, last_byte - byte + 1);
    uint8_t before = (uint8_t)~mask_of(first % BITS_PER_BYTE, BITS_PER_BYTE - 1);
    uint8_t behind = (uint8_t)~mask_of(0, last % BITS_PER_BYTE);
    count -= (uint64_t)__builtin_popcount((uint8_t)string.data[byte] & before);
    return count - (uint64_t)__builtin_popcount((uint8_t)string.data[last_byte] & behind);
}

// ---- finding ----

// Where a byte other than `skipped` is among `size`; `size`: nowhere.
ALWAYS_INLINE size_t skip_bytes(const char *data, size_t size, uint8_t skipped)
{
    enum { STEP = 8 };
    uint64_t pattern = skipped * UINT64_C(0x0101010101010101);
    size_t at = 0;
    for (; size - at >= STEP * sizeof(uint64_t); at += STEP * sizeof(uint64_t)) {
        uint64_t different = 0;
        for (size_t i = 0; i < STEP; i++) {
            different |= word_at(data + at + i * sizeof(uint64_t)) ^ pattern;
        }
        if (different != 0) {
            break;
        }
    }
    while (size - at >= sizeof(uint64_t) && word_at(data + at) == pattern) {
        at += sizeof(uint64_t);
    }
    while (at < size && (uint8_t)data[at] == skipped) {
        at++;
    }
    return at;
}

#ifdef HAS_VARIANTS
WITH_AVX2 static size_t skip_bytes_avx2(const char *data, size_t size, uint8_t skipped)
{
    return skip_bytes(data, size, skipped);
}
#endif

static size_t skip_whole_bytes(const char *data, size_t size, uint8_t skipped)
{
#ifdef HAS_VARIANTS
    if (__builtin_cpu_supports("avx2")) {
        return skip_bytes_avx2(data, size, skipped);
    }
#endif
    return skip_bytes(data, size, skipped);
}

bool bits_find(struct bytes string, uint64_t first, uint64_t last, bool bit, uint64_t *place_out)
{
    ASSERT(first <= last && last / BITS_PER_BYTE < string.size);
    size_t byte = first / BITS_PER_BYTE;
    size_t last_byte = last / BITS_PER_BYTE;
    uint8_t flip = bit ? 0 : 0xFF; // What is sought becomes 1.
    unsigned found = ((uint8_t)string.data[byte] ^ flip) & (0xFFU >> first % BITS_PER_BYTE);
    if (found == 0) {
        byte++;
        byte += skip_whole_bytes(string.data + byte, last_byte + 1 - byte, flip);
        if (byte > last_byte) {
            return false;
        }
        found = (uint8_t)string.data[byte] ^ flip;
    }
    uint64_t place = byte * UINT64_C(8) + (unsigned)__builtin_clz(found) - 24;
    if (place > last) {
        return false;
    }
    *place_out = place;
    return true;
}

// ---- combining ----

// A word of the result; of `seen`, bits that more than one string has (BITS_ONE).
ALWAYS_INLINE uint64_t combine_two(enum bits_operation operation, uint64_t sum, uint64_t word,
                                   uint64_t *seen)
{
    switch (operation) {
    case BITS_AND:
        return sum & word;
    case BITS_XOR:
        return sum ^ word;
    case BITS_ONE:
        *seen |= sum & word;
        return sum | word;
    default: // What the others have, of DIFF and its kin.
        return sum | word;
    }
}

/* Add a string to the sum of those before it, word by word; the size is a whole number of
 * words. */
ALWAYS_INLINE void add_words(enum bits_operation operation, uint64_t *restrict sum,
                             uint64_t *restrict seen, const char *restrict data, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        sum[i] = combine_two(operation, sum[i], word_at(data + i * sizeof(uint64_t)), &seen[i]);
    }
}

ALWAYS_INLINE void add_by_operation(enum bits_operation operation, uint64_t *sum, uint64_t *seen,
                                    const char *data, size_t words)
{
    switch (operation) {
    case BITS_AND:
        add_words(BITS_AND, sum, seen, data, words);
        break;
    case BITS_XOR:
        add_words(BITS_XOR, sum, seen, data, words);
        break;
    case BITS_ONE:
        add_words(BITS_ONE, sum, seen, data, words);
        break;
    default:
        add_words(BITS_OR, sum, seen, data, words);
        break;
    }
}

/* What the first string, or none, and the sum of the others make. */
ALWAYS_INLINE void finish_words(enum bits_operation operation, uint64_t *restrict sum,
                                const uint64_t *restrict first, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        switch (operation) {
        case BITS_NOT:
            sum[i] = ~sum[i];
            break;
        case BITS_DIFF:
            sum[i] = first[i] & ~sum[i];
            break;
        case BITS_DIFF1:
            sum[i] = sum[i] & ~first[i];
            break;
        case BITS_ANDOR:
            sum[i] = sum[i] & first[i];
            break;
        case BITS_ONE:
            sum[i] = sum[i] & ~first[i]; // Those of `seen`.
            break;
        default:
            break;
        }
    }
}

ALWAYS_INLINE void finish_by_operation(enum bits_operation operation, uint64_t *sum,
                                       const uint64_t *first, size_t words)
{
    switch (operation) {
    case BITS_NOT:
        finish_words(BITS_NOT, sum, first, words);
        break;
    case BITS_DIFF:
        finish_words(BITS_DIFF, sum, first, words);
        break;
    case BITS_DIFF1:
        finish_words(BITS_DIFF1, sum, first, words);
        break;
    case BITS_ANDOR:
        finish_words(BITS_ANDOR, sum, first, words);
        break;
    case BITS_ONE:
        finish_words(BITS_ONE, sum, first, words);
        break;
    default:
        break;
    }
}

// Bytes [at, at + size) of a string, with zeros for what it lacks; in `room` or lent.
ALWAYS_INLINE const char *piece(struct bytes string, size_t at, size_t size, char *room)
{
    size_t has = at < string.size ? string.size - at : 0;
    if (has >= size) {
        return string.data + at;
    }
    if (has > 0) {
        memcpy(room, string.data + at, has);
    }
    memset(room + has, 0, size - has);
    return room;
}

struct combination {
    enum bits_operation operation;
    const struct bytes *strings;
    size_t count;
};

// Bytes [at, at + size) of the result to `out`; up to BLOCK of them.
ALWAYS_INLINE void combine_block(const struct combination *combination, size_t at, char *out,
                                 size_t size)
{
    enum { WORDS = BLOCK / sizeof(uint64_t) };
    uint64_t sum[WORDS];
    uint64_t other[WORDS]; // The first string, or what more than one has.
    char room[BLOCK];
    enum bits_operation operation = combination->operation;
    const struct bytes *strings = combination->strings;
    bool first_apart = operation == BITS_DIFF || operation == BITS_DIFF1 || operation == BITS_ANDOR;
    size_t words = (size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    size_t rounded = words * sizeof(uint64_t);
    memcpy(sum, piece(strings[first_apart], at, rounded, room), rounded);
    if (first_apart) {
        memcpy(other, piece(strings[0], at, rounded, room), rounded);
    } else {
        memset(other, 0, rounded);
    }
    for (size_t i = first_apart + (size_t)1; i < combination->count; i++) {
        add_by_operation(operation, sum, other, piece(strings[i], at, rounded, room), words);
    }
    finish_by_operation(operation, sum, other, words);
    memcpy(out, sum, size);
}

ALWAYS_INLINE void combine(const struct combination *combination, char *out, size_t size)
{
    for (size_t at = 0; at < size; at += BLOCK) {
        combine_block(combination, at, out + at, size - at < BLOCK ? size - at : BLOCK);
    }
}

#ifdef HAS_VARIANTS
WITH_AVX2 static void combine_avx2(const struct combination *combination, char *out, size_t size)
{
    combine(combination, out, size);
}
#endif

void bits_combine(enum bits_operation operation, const struct bytes *strings, size_t count,
                  char *out, size_t size)
{
    ASSERT(count > 0 && operation < BITS_OPERATIONS);
    ASSERT(operation != BITS_NOT || count == 1);
    ASSERT((operation != BITS_DIFF && operation != BITS_DIFF1 && operation != BITS_ANDOR) ||
           count > 1);
    const struct combination combination = {
        .operation = operation, .strings = strings, .count = count};
#ifdef HAS_VARIANTS
    if (__builtin_cpu_supports("avx2")) {
        combine_avx2(&combination, out, size);
        return;
    }
#endif
    combine(&combination, out, size);
}

// ---- integers ----

uint64_t bits_read(struct bytes string, uint64_t first, unsigned width)
{
    ASSERT(width >= 1 && width <= 64);
    unsigned char window[9] = {0}; // 64 bits may touch nine bytes.
    size_t byte = first / BITS_PER_BYTE;
    if (byte < string.size) {
        size_t has = string.size - byte < sizeof(window) ? string.size - byte : sizeof(window);
        memcpy(window, string.data + byte, has);
    }
    unsigned shift = first % BITS_PER_BYTE;
    uint64_t value = __builtin_bswap64(word_at((const char *)window)) << shift;
    value |= (uint64_t)window[8] >> (BITS_PER_BYTE - shift);
    return value >> (64 - width);
}

void bits_write(char *data, uint64_t first, unsigned width, uint64_t value)
{
    ASSERT(width >= 1 && width <= 64);
    for (unsigned done = 0; done < width;) {
        unsigned at = first % BITS_PER_BYTE;
        unsigned now = BITS_PER_BYTE - at < width - done ? BITS_PER_BYTE - at : width - done;
        uint8_t mask = mask_of(at, at + now - 1);
        uint8_t part = (uint8_t)(value >> (width - done - now) << (BITS_PER_BYTE - at - now));
        char *byte = &data[first / BITS_PER_BYTE];
        *byte = (char)(((uint8_t)*byte & (uint8_t)~mask) | (part & mask));
        done += now;
        first += now;
    }
}
