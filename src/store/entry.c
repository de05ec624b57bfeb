#include "store/entry.h"

#include "base/error.h"
#include "base/number.h"
#include "store/access.h"
#include "store/entry_internal.h"
#include "value/string/string_value.h"

#include <assert.h>

enum {
    POINTER_SIZE = sizeof(void *),
    EMBSTR_MAX = 44, // Redis stores longer strings beside their object.
};

static_assert(POINTER_SIZE == sizeof(int64_t), "payload_size counts on it");
static_assert(sizeof(struct heap_node) == 12, "drawn in entry.h");
static_assert(offsetof(struct entry, rest) == ENTRY_HEADER_SIZE, "drawn in entry.h");
static_assert((int)VALUE_TYPES - 1 <= (int)KIND_TYPE_MASK, "the type has four bits");
static_assert((int)ENTRY_VALUE <= (int)KIND_ENCODING_MASK, "the encoding has two");
static_assert((KIND_TYPE_MASK | KIND_ENCODING_MASK << KIND_ENCODING_SHIFT | KIND_HAS_DEADLINE |
               KIND_HAS_LONG_KEY) == UINT8_MAX,
              "no bit of the kind has two meanings, and none is lost");
static_assert((int)STRING_EMBEDDED_MAX <= (int)RAW_SIZE_MASK,
              "value_size holds every embedded string");

enum value_type entry_type(const struct entry *entry)
{
    return (enum value_type)(entry->kind & KIND_TYPE_MASK);
}

enum entry_encoding entry_encoding(const struct entry *entry)
{
    return (enum entry_encoding)(entry->kind >> KIND_ENCODING_SHIFT & KIND_ENCODING_MASK);
}

static const char *after_node(const struct entry *entry)
{
    return entry->rest + (entry_has_deadline(entry) ? sizeof(struct heap_node) : 0);
}

struct bytes entry_key(const struct entry *entry)
{
    const char *at = after_node(entry);
    if (LIKELY((entry->kind & KIND_HAS_LONG_KEY) == 0)) {
        return bytes_make(at, entry->key_size);
    }
    uint32_t size;
    memcpy(&size, at, sizeof(size));
    return bytes_make(at + LONG_KEY_HEADER_SIZE, size);
}

uint64_t entry_hash(const struct entry *entry, const struct hash_secret *secret)
{
    if (LIKELY((entry->kind & KIND_HAS_LONG_KEY) == 0)) {
        return hash_bytes(secret, entry_key(entry));
    }
    uint64_t hash;
    memcpy(&hash, after_node(entry) + sizeof(uint32_t), sizeof(hash));
    return hash;
}

static const char *payload_at(const struct entry *entry)
{
    struct bytes key = entry_key(entry);
    return key.data + key.size;
}

uint64_t entry_deadline_ms(const struct entry *entry)
{
    if (!entry_has_deadline(entry)) {
        return 0;
    }
    const struct heap_node *node = (const struct heap_node *)(const void *)entry->rest;
    return node->key;
}

struct bytes entry_string(const struct entry *entry, struct entry_scratch *scratch)
{
    struct payload payload = entry_payload(entry);
    DEBUG_ASSERT(payload.type == VALUE_STRING);
    switch (payload.encoding) {
    case ENTRY_RAW:
        return payload.raw;
    case ENTRY_INTEGER:
        return bytes_make(scratch->digits, number_format_integer(payload.integer, scratch->digits));
    case ENTRY_VALUE:
        return string_bytes((const struct string *)(const void *)payload.value);
    }
    return (struct bytes){0};
}

struct value *entry_value(const struct entry *entry)
{
    DEBUG_ASSERT(entry_encoding(entry) == ENTRY_VALUE);
    struct value *value;
    memcpy(&value, payload_at(entry), POINTER_SIZE);
    return value;
}

const char *entry_encoding_name(const struct entry *entry)
{
    struct payload payload = entry_payload(entry);
    switch (payload.encoding) {
    case ENTRY_RAW:
        return payload.raw.size <= EMBSTR_MAX && !payload.is_edited ? "embstr" : "raw";
    case ENTRY_INTEGER:
        return "int";
    case ENTRY_VALUE:
        return value_ops(payload.value)->encoding(payload.value);
    }
    return NULL;
}

struct payload entry_payload(const struct entry *entry)
{
    struct payload payload = {.type = entry_type(entry), .encoding = entry_encoding(entry)};
    const char *at = payload_at(entry);
    switch (payload.encoding) {
    case ENTRY_RAW:
        payload.raw = bytes_make(at, entry->value_size & RAW_SIZE_MASK);
        payload.is_edited = (entry->value_size & RAW_EDITED) != 0;
        break;
    case ENTRY_INTEGER:
        memcpy(&payload.integer, at, sizeof(payload.integer));
        break;
    case ENTRY_VALUE:
        memcpy(&payload.value, at, POINTER_SIZE);
        break;
    }
    return payload;
}

static size_t payload_size(const struct payload *payload)
{
    return payload->encoding == ENTRY_RAW ? payload->raw.size : sizeof(int64_t);
}

static char *payload_to_write(struct entry *entry)
{
    return entry->rest + (payload_at(entry) - entry->rest);
}

char *entry_raw(struct entry *entry)
{
    DEBUG_ASSERT(entry_encoding(entry) == ENTRY_RAW);
    entry->value_size |= RAW_EDITED;
    return payload_to_write(entry);
}

void entry_value_moved(struct entry *entry, struct value *value)
{
    DEBUG_ASSERT(entry_encoding(entry) == ENTRY_VALUE);
    memcpy(payload_to_write(entry), &value, POINTER_SIZE);
}

size_t entry_size_for(size_t key_size, const struct payload *payload, bool has_deadline)
{
    return ENTRY_HEADER_SIZE + (has_deadline ? sizeof(struct heap_node) : 0) +
           (key_size > ENTRY_KEY_SHORT_MAX ? LONG_KEY_HEADER_SIZE : 0) + key_size +
           payload_size(payload);
}

size_t entry_size(const struct entry *entry)
{
    struct bytes key = entry_key(entry);
    size_t payload =
        entry_encoding(entry) == ENTRY_RAW ? entry->value_size & RAW_SIZE_MASK : sizeof(int64_t);
    return (size_t)(key.data + key.size - (const char *)entry) + payload;
}

static void write_payload(struct entry *entry, char *at, const struct payload *payload)
{
    switch (payload->encoding) {
    case ENTRY_RAW:
        entry->value_size = (uint16_t)(payload->raw.size | (payload->is_edited ? RAW_EDITED : 0U));
        if (payload->raw.size > 0) {
            memmove(at, payload->raw.data, payload->raw.size);
        }
        return;
    case ENTRY_INTEGER:
        entry->value_size = 0;
        memcpy(at, &payload->integer, sizeof(payload->integer));
        return;
    case ENTRY_VALUE:
        entry->value_size = 0;
        memcpy(at, &payload->value, POINTER_SIZE);
        return;
    }
}

static uint8_t kind_of(const struct payload *payload)
{
    return (uint8_t)(payload->type | payload->encoding << KIND_ENCODING_SHIFT);
}

struct entry *entry_create(struct pool *pool, const struct key *named,
                           const struct payload *payload, bool has_deadline)
{
    struct bytes key = named->name;
    struct entry *entry =
        pool_alloc(pool, MEMORY_ENTRY, entry_size_for(key.size, payload, has_deadline));
    if (entry == NULL) {
        return NULL;
    }
    entry->kind = kind_of(payload);
    char *at = entry->rest;
    if (has_deadline) {
        entry->kind |= KIND_HAS_DEADLINE;
        *entry_node(entry) = (struct heap_node){.slot = HEAP_SLOT_NONE};
        at += sizeof(struct heap_node);
    }
    if (key.size > ENTRY_KEY_SHORT_MAX) {
        uint32_t size = (uint32_t)key.size;
        entry->kind |= KIND_HAS_LONG_KEY;
        entry->key_size = 0;
        memcpy(at, &size, sizeof(size));
        memcpy(at + sizeof(size), &named->hash, sizeof(named->hash));
        at += LONG_KEY_HEADER_SIZE;
    } else {
        entry->key_size = (uint8_t)key.size;
    }
    if (key.size > 0) {
        memcpy(at, key.data, key.size);
    }
    write_payload(entry, at + key.size, payload);
    return entry;
}

bool entry_rewrite(struct entry *entry, const struct payload *payload)
{
    struct bytes key = entry_key(entry);
    size_t old_size = entry_size(entry);
    size_t new_size = entry_size_for(key.size, payload, entry_has_deadline(entry));
    if (!pool_refit(entry, old_size, new_size)) {
        return false;
    }
    uint8_t keeps = entry->kind & (KIND_HAS_DEADLINE | KIND_HAS_LONG_KEY);
    entry->kind = (uint8_t)(kind_of(payload) | keeps);
    write_payload(entry, payload_to_write(entry), payload);
    return true;
}

void entry_free(struct entry *entry, struct pool *pool)
{
    pool_free(pool, MEMORY_ENTRY, entry, entry_size(entry));
}
