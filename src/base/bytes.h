/* bytes.h - a borrowed run of bytes.
 *
 * A pointer and a length, passed by value. It owns nothing and need not end in
 * a NUL; whoever hands it out says how long it stays valid.
 *
 * Threads: plain values; safe wherever the bytes themselves are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const char *data;
    size_t size;
};

/* The bytes of a string literal, without its NUL. */
#define BYTES(literal) ((struct bytes){.data = (literal), .size = sizeof(literal) - 1})

static inline struct bytes bytes_make(const char *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}

static inline struct bytes bytes_of_string(const char *string)
{
    return bytes_make(string, strlen(string));
}

/* Whether the `size` bytes at `a` are those at `b`; without a call for sizes as keys have. */
static inline bool bytes_same(const char *a, const char *b, size_t size)
{
    uint64_t left;
    uint64_t right;
    if (size < sizeof(left) || size > 4 * sizeof(left)) {
        return size == 0 || memcmp(a, b, size) == 0;
    }
    for (size_t at = 0;; at += sizeof(left)) {
        // The last eight overlap those before.
        at = at < size - sizeof(left) ? at : size - sizeof(left);
        memcpy(&left, a + at, sizeof(left));
        memcpy(&right, b + at, sizeof(right));
        if (left != right || at == size - sizeof(left)) {
            return left == right;
        }
    }
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && bytes_same(a.data, b.data, a.size);
}

/* Order by unsigned bytes, a prefix before what it begins: <0, 0 or >0. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

/* Whether `a` is `word`, ASCII case aside; `word` is in upper case. */
static inline bool bytes_is_word(struct bytes a, const char *word)
{
    if (a.size != strlen(word)) { // Known at compile time, mostly.
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        char c = a.data[i];
        if (c >= 'a' && c <= 'z') {
            c = (char)(c - 'a' + 'A');
        }
        if (c != word[i]) {
            return false;
        }
    }
    return true;
}

/* The same for a word in lower case. */
static inline bool bytes_is_lower_word(struct bytes a, const char *word)
{
    if (a.size != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        char c = a.data[i];
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        if (c != word[i]) {
            return false;
        }
    }
    return true;
}
