/* entry_internal.h - how entries are made and changed; for store/ alone. */
#pragma once

#include "store/entry.h"

#include <string.h>

enum {
    ENTRY_HEADER_SIZE = 4,
    ENTRY_KEY_SHORT_MAX = 255,
    KIND_TYPE_MASK = 0x0F,
    KIND_ENCODING_SHIFT = 4,
    KIND_ENCODING_MASK = 0x03,
    KIND_HAS_DEADLINE = 0x40,
    KIND_HAS_LONG_KEY = 0x80,
    RAW_SIZE_MASK = 0x7FFF,
    RAW_EDITED = 0x8000,
    LONG_KEY_HEADER_SIZE = sizeof(uint32_t) + sizeof(uint64_t),
};

struct key;

struct entry {
    uint8_t kind;
    uint8_t key_size;    // Unless the key is long.
    uint16_t value_size; // RAW only, with RAW_EDITED.
    char rest[];
};

/* What stands behind the key. */
struct payload {
    enum value_type type;
    enum entry_encoding encoding;
    bool is_edited; // RAW: not as it was set.
    union {
        struct bytes raw;
        int64_t integer;
        struct value *value;
    };
};

static inline bool entry_has_deadline(const struct entry *entry)
{
    return (entry->kind & KIND_HAS_DEADLINE) != 0;
}

/* Borrow the deadline node of an entry that has one. */
static inline struct heap_node *entry_node(struct entry *entry)
{
    return (struct heap_node *)(void *)entry->rest;
}

/* The entry around a node. */
static inline struct entry *entry_of_node(struct heap_node *node)
{
    return (struct entry *)(void *)((char *)node - offsetof(struct entry, rest));
}

/* Bytes of the block that an entry with this key and payload takes. */
size_t entry_size_for(size_t key_size, const struct payload *payload, bool has_deadline);

/* Bytes of an entry's block. */
size_t entry_size(const struct entry *entry);

/* A new entry, its deadline node, if it has one, unlinked. Takes payload->value
 * over. NULL when out of memory. */
struct entry *entry_create(struct pool *pool, const struct key *named,
                           const struct payload *payload, bool has_deadline);

/* Put another payload into an entry, if its block serves for it as it is; false if
 * not. The old payload is overwritten: detach a value first. */
bool entry_rewrite(struct entry *entry, const struct payload *payload);

/* What an entry's payload is; raw bytes are lent. */
struct payload entry_payload(const struct entry *entry);

/* The bytes of an ENTRY_RAW, for writing; it counts as edited from now on. */
char *entry_raw(struct entry *entry);

/* The block of an ENTRY_VALUE is here now. */
void entry_value_moved(struct entry *entry, struct value *value);

/* Free the block alone, not a value it points to. */
void entry_free(struct entry *entry, struct pool *pool);

/* Whether `sought`, a struct bytes, is the entry's key (hashtable_match). */
static inline bool entry_has_key(const void *element, const void *sought)
{
    const struct bytes *key = sought;
    const struct entry *entry = element;
    if (LIKELY((entry->kind & KIND_HAS_LONG_KEY) == 0)) {
        const char *at = entry->rest + (entry_has_deadline(entry) ? sizeof(struct heap_node) : 0);
        return entry->key_size == key->size && bytes_same(at, key->data, key->size);
    }
    return bytes_equal(entry_key(entry), *key);
}
