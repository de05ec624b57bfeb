/* string_internal.h - what the commands on strings and bitmaps share.
 *
 * Threads: as command/call.h.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "command/args.h"
#include "handlers/option_internal.h"
#include "value/string/string_value.h"

#include <stdbool.h>
#include <stdint.h>

/* Strings of more bytes are not read or compared as a whole by a worker. */
enum { STRING_INLINE_MAX = 1024 * 1024 };

/* The string at an entry; empty for NULL. As entry_string. */
static inline struct bytes string_at(const struct entry *entry, struct entry_scratch *scratch)
{
    return entry == NULL ? bytes_make("", 0) : entry_string(entry, scratch);
}

/* Whether a string may have `size` bytes; if not, that is answered. */
NODISCARD bool string_may_have(struct call *call, uint64_t size);

/* Replace a range counted from the end, if negative, by places within a string of `size`,
 * last included. False: it is empty. */
NODISCARD bool string_range(int64_t start, int64_t end, uint64_t size, uint64_t *first_out,
                            uint64_t *last_out);

/* Whether a range that ends before it begins is empty although both places, before the string,
 * mean its first byte: not so in BITPOS. */
static inline bool string_range_is_backwards(int64_t start, int64_t end)
{
    return start < 0 && end < 0 && start > end;
}

/* ---- conditions on what a key has ---- */

enum string_condition {
    CONDITION_NONE,
    CONDITION_EQUAL,
    CONDITION_NOT_EQUAL,
    CONDITION_DIGEST_EQUAL,
    CONDITION_DIGEST_NOT_EQUAL,
};

struct string_test {
    enum string_condition condition;
    struct bytes operand; // What it is compared with, or the digest's digits.
    uint64_t digest;
};

/* Make a test. False: a digest that is none (answered). */
NODISCARD bool string_test_make(struct call *call, enum string_condition condition,
                                struct bytes operand, struct string_test *test_out);

/* Whether the test of a string takes too long for a worker. */
bool string_test_is_long(const struct string_test *test, struct bytes string);

/* Whether an entry passes, which is a string unless there is no condition; an absent key, NULL, is
 * equal to nothing. */
bool string_test_passes(const struct string_test *test, const struct entry *entry);

/* ---- strings that stay as they are without their shard's lock ---- */

struct kept_string {
    struct bytes bytes;
    struct value *held; // NULL: it was copied.
};

/* How much room for a copy keeping the string at an entry takes. */
size_t string_room(const struct entry *entry, struct bytes string);

/* Keep it for a job: hold its block, or copy it to `room`. */
void string_keep(struct call *call, const struct entry *entry, struct bytes string, char *room,
                 struct kept_string *kept_out);

void string_let_go(struct store_thread *thread, const struct kept_string *kept);
