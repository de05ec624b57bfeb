/* entry.h - a key with its value or the way to it, in one block.
 *
 *   byte 0        1         2           4                16           16 or 28
 *   ┌────────────┬─────────┬───────────┬────────────────┬────────────┬─────┬─────────┐
 *   │ kind       │ key_size│ value_size│ deadline node  │ long key's │ key │ payload │
 *   │            │ (u8)    │ (u16)     │ (12, optional) │ size, hash │     │         │
 *   │            │         │           │                │ (optional) │     │         │
 *   └────────────┴─────────┴───────────┴────────────────┴────────────┴─────┴─────────┘
 *
 *   kind     bits 0-3 enum value_type, 4-5 enum entry_encoding,
 *            bit 6 has a deadline, bit 7 has a long key (more than 255 bytes)
 *   value_size  of RAW: bits 0-14 how many bytes, bit 15 whether they were changed in place,
 *            which clients can see (OBJECT ENCODING)
 *   long key its size (u32) and hash (u64): tables ask for the hash again when they
 *            split, under the shard's lock, and a long key takes long to hash
 *   payload  RAW: value_size bytes; INTEGER: int64_t; VALUE: struct value *
 *
 * Worked example, SET k ab without expiry: 00 01 02 00 6b 61 62 (7 bytes, one
 * block of 8).
 *
 * Threads: the lock of the key's shard guards it.
 */
#pragma once

#include "base/bytes.h"
#include "base/hash.h"
#include "base/pool.h"
#include "ds/heap.h"
#include "value/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entry_encoding { ENTRY_RAW, ENTRY_INTEGER, ENTRY_VALUE };

struct entry; // Bytes as drawn; read through the functions below.

/* Room for an integer in decimal, for entry_string. */
struct entry_scratch {
    char digits[24];
};

enum value_type entry_type(const struct entry *entry);
enum entry_encoding entry_encoding(const struct entry *entry);
struct bytes entry_key(const struct entry *entry);

/* The hash of its key: of a short one computed, of a long one what it was made with. */
uint64_t entry_hash(const struct entry *entry, const struct hash_secret *secret);

/* Unix time in milliseconds when the entry expires; 0: never. */
uint64_t entry_deadline_ms(const struct entry *entry);

/* The string at an entry of type VALUE_STRING; lent by the entry or, for
 * integers, written to `scratch`. Valid until the entry changes. */
struct bytes entry_string(const struct entry *entry, struct entry_scratch *scratch);

/* Borrow the block of an ENTRY_VALUE. */
struct value *entry_value(const struct entry *entry);

/* OBJECT ENCODING's word for how the entry's value is stored. */
const char *entry_encoding_name(const struct entry *entry);
