/* Strings changed in place: lent for writing, longer if need be, and appended to. */
#include "store/keyspace_internal.h"
#include "value/string/string_value.h"

#include <errno.h>

// A string that grows to this size becomes a block of its own with room to grow on.
enum { GROWN_BLOCK_MIN = 1024 };

// What is under the key while it is being changed.
struct target {
    struct access *access;
    const struct key *key;
    struct entry *entry; // NULL: nothing.
    struct bytes old;    // Its string; in `scratch` or lent.
    struct entry_scratch scratch;
};

static void target_find(struct target *target, struct access *access, const struct key *key)
{
    target->access = access;
    target->key = key;
    target->entry = keyspace_find_live(access, key);
    target->old = bytes_make(NULL, 0);
    if (target->entry != NULL) {
        DEBUG_ASSERT(entry_type(target->entry) == VALUE_STRING);
        target->old = entry_string(target->entry, &target->scratch);
    }
}

// The block of a long string; NULL when it has none.
static struct string *block_of(const struct target *target)
{
    return target->entry != NULL && entry_encoding(target->entry) == ENTRY_VALUE
               ? string_of_value(entry_value(target->entry))
               : NULL;
}

static struct entry *put(const struct target *target, const struct payload *payload)
{
    uint64_t deadline_ms = target->entry == NULL ? 0 : entry_deadline_ms(target->entry);
    return keyspace_put_payload(target->access, target->key, target->entry, payload, deadline_ms);
}

/* Put a longer copy beside the key. Returns its bytes; NULL when out of memory. */
static char *copy_beside_key(const struct target *target, size_t size)
{
    char text[GROWN_BLOCK_MIN];
    size_t old_size = target->old.size;
    ASSERT(old_size <= size && size <= sizeof(text));
    if (old_size > 0) {
        memcpy(text, target->old.data, old_size);
    }
    memset(text + old_size, 0, size - old_size);
    struct payload payload = {
        .type = VALUE_STRING, .encoding = ENTRY_RAW, .raw = bytes_make(text, size)};
    struct entry *entry = put(target, &payload);
    return entry == NULL ? NULL : entry_raw(entry);
}

/* The same as a block of its own. */
static char *copy_to_block(const struct target *target, size_t size)
{
    struct pool *pool = target->access->thread->pool;
    struct string *string = string_copy_zeroed(pool, target->old, size);
    if (string == NULL) {
        return NULL;
    }
    struct payload payload = {
        .type = VALUE_STRING, .encoding = ENTRY_VALUE, .value = &string->value};
    if (put(target, &payload) == NULL) {
        string_destroy(string, pool);
        return NULL;
    }
    return string->data;
}

static char *copy_longer(const struct target *target, size_t size)
{
    bool is_beside_key = block_of(target) == NULL && size < GROWN_BLOCK_MIN;
    return is_beside_key ? copy_beside_key(target, size) : copy_to_block(target, size);
}

int keyspace_edit_string(struct access *access, const struct key *key, size_t size_min,
                         struct string_edit *edit_out)
{
    struct target target;
    target_find(&target, access, key);
    size_t size = target.old.size > size_min ? target.old.size : size_min;
    struct string *block = block_of(&target);
    char *data;
    if (block != NULL && !value_is_shared(&block->value)) {
        int error = string_extend_zeroed(&block, access->thread->pool, size);
        if (error < 0) {
            return error;
        }
        entry_value_moved(target.entry, &block->value);
        access_touch(access, key->name, key->hash);
        data = block->data;
    } else if (target.entry != NULL && entry_encoding(target.entry) == ENTRY_RAW &&
               size == target.old.size) {
        access_touch(access, key->name, key->hash);
        data = entry_raw(target.entry);
    } else {
        data = copy_longer(&target, size);
    }
    if (data == NULL) {
        return -ENOMEM;
    }
    *edit_out = (struct string_edit){.data = data, .size = size, .old_size = target.old.size};
    return 0;
}

/* Make the block longer where nobody minds: that of a string that only its key has, or with
 * room behind what was lent. *data_out: where the new bytes come, NULL when it must be copied.
 * 0 or -ENOMEM. */
static int extend_block(const struct target *target, struct string *block, size_t more,
                        char **data_out)
{
    bool is_shared = value_is_shared(&block->value);
    *data_out = NULL;
    if (is_shared && more > block->capacity - block->size) {
        return 0;
    }
    int error = string_extend(&block, target->access->thread->pool, more);
    if (error == 0) {
        entry_value_moved(target->entry, &block->value);
        access_touch(target->access, target->key->name, target->key->hash);
        *data_out = block->data + target->old.size;
    }
    return error;
}

int keyspace_append(struct access *access, const struct key *key, struct bytes tail,
                    size_t *size_out)
{
    struct target target;
    target_find(&target, access, key);
    struct string *block = block_of(&target);
    size_t size = target.old.size + tail.size;
    char *at = NULL;
    if (block != NULL && extend_block(&target, block, tail.size, &at) < 0) {
        return -ENOMEM;
    }
    if (target.entry == NULL && size < GROWN_BLOCK_MIN) { // As SET would store it.
        const struct put_options options = {0};
        int error = keyspace_put_string(access, key, tail, &options);
        if (error == 0) {
            *size_out = size;
        }
        return error;
    }
    if (at == NULL) {
        char *data = copy_longer(&target, size);
        if (data == NULL) {
            return -ENOMEM;
        }
        at = data + target.old.size;
    }
    if (tail.size > 0) {
        memcpy(at, tail.data, tail.size);
    }
    *size_out = size;
    return 0;
}
