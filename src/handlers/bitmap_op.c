/* BITOP: a string made of the bits of others. */
#include "base/bits.h"
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"

#include <errno.h>

static const struct {
    const char *word;
    enum bits_operation operation;
    uint32_t sources_min;
    uint32_t sources_max;
} operations[] = {
    {"AND", BITS_AND, 1, UINT32_MAX},     {"OR", BITS_OR, 1, UINT32_MAX},
    {"XOR", BITS_XOR, 1, UINT32_MAX},     {"NOT", BITS_NOT, 1, 1},
    {"DIFF", BITS_DIFF, 2, UINT32_MAX},   {"DIFF1", BITS_DIFF1, 2, UINT32_MAX},
    {"ANDOR", BITS_ANDOR, 2, UINT32_MAX}, {"ONE", BITS_ONE, 1, UINT32_MAX},
};

// False: it is none, or not of so many keys (answered).
static bool read_operation(struct call *call, uint32_t sources, enum bits_operation *operation_out)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (!bytes_is_word(call->argv[1], operations[i].word)) {
            continue;
        }
        if (sources < operations[i].sources_min || sources > operations[i].sources_max) {
            reply_error(call->reply, "ERR BITOP %s must be called with %s", operations[i].word,
                        sources > operations[i].sources_max ? "a single source key."
                                                            : "at least two source keys.");
            return false;
        }
        *operation_out = operations[i].operation;
        return true;
    }
    reply_syntax_error(call->reply);
    return false;
}

/* The strings of the sources. Integers are written to scratch of their own, which comes with the
 * list. */
struct sources {
    struct bytes *strings;
    struct entry_scratch *scratch;
    size_t count;
    size_t size; // Of the longest.
    size_t work; // Bytes of all.
};

static size_t sources_bytes(size_t count)
{
    return count * (sizeof(struct bytes) + sizeof(struct entry_scratch));
}

// False: one is no string (answered).
static bool sources_find(struct call *call, struct sources *sources)
{
    sources->size = 0;
    sources->work = 0;
    for (uint32_t i = 0; i < sources->count; i++) {
        const struct entry *entry = keyspace_find(&call->access, call_key(call, i + 1));
        if (entry != NULL && entry_type(entry) != VALUE_STRING) {
            reply_wrong_type(call->reply);
            return false;
        }
        struct bytes string = string_at(entry, &sources->scratch[i]);
        sources->strings[i] = string;
        sources->size = string.size > sources->size ? string.size : sources->size;
        sources->work += string.size;
    }
    return true;
}

/* Where the destination is a string of that size that never expires: work in it, which takes no
 * memory. False: it is not; on -ENOMEM, in *error_out, nothing is changed. */
static bool combine_in_place(struct call *call, enum bits_operation operation,
                             struct sources *sources, int *error_out)
{
    const struct entry *entry = keyspace_find(&call->access, call->keys);
    struct string_edit edit;
    if (entry == NULL || entry_type(entry) != VALUE_STRING ||
        entry_encoding(entry) != ENTRY_VALUE || entry_deadline_ms(entry) != 0 ||
        string_bytes(string_of_value(entry_value(entry))).size != sources->size) {
        return false;
    }
    *error_out = keyspace_edit_string(&call->access, call->keys, sources->size, &edit);
    if (*error_out == 0) {
        (void)sources_find(call, sources); // The destination, which may be one, may have moved.
        bits_combine(operation, sources->strings, sources->count, edit.data, edit.size);
    }
    return true;
}

// Put the result under the destination. 0 or -ENOMEM.
static int combine(struct call *call, enum bits_operation operation, struct sources *sources)
{
    const struct put_options put = {0};
    int error = 0;
    if (combine_in_place(call, operation, sources, &error)) {
        return error;
    }
    if (sources->size < STRING_EMBEDDED_MAX) {
        char result[STRING_EMBEDDED_MAX];
        bits_combine(operation, sources->strings, sources->count, result, sources->size);
        return keyspace_put_string(&call->access, call->keys, bytes_make(result, sources->size),
                                   &put);
    }
    struct pool *pool = call->access.thread->pool;
    struct string *string = string_create_unfilled(pool, sources->size);
    if (string == NULL) {
        return -ENOMEM;
    }
    bits_combine(operation, sources->strings, sources->count, string->data, sources->size);
    error = keyspace_put_long_string(&call->access, call->keys, string, &put);
    if (error < 0) {
        string_destroy(string, pool);
    }
    return error;
}

static void store(struct call *call, enum bits_operation operation, struct sources *sources)
{
    if (sources->size == 0) {
        if (keyspace_remove(&call->access, call->keys)) {
            effect_delete(call, call->keys);
        }
        reply_integer(call->reply, 0);
        return;
    }
    if (sources->work > STRING_INLINE_MAX && call_moves(call)) {
        return;
    }
    if (combine(call, operation, sources) < 0) {
        call_out_of_memory(call);
        return;
    }
    effect_set(call, call->keys, "set");
    reply_integer(call->reply, (int64_t)sources->size);
}

void handle_bitop(struct call *call)
{
    enum { SOURCES_INLINE = 16 };
    struct bytes strings[SOURCES_INLINE];
    struct entry_scratch scratch[SOURCES_INLINE];
    struct sources sources = {.strings = strings, .scratch = scratch, .count = call->key_count - 1};
    struct pool *pool = call->access.thread->pool;
    enum bits_operation operation;
    if (!read_operation(call, call->key_count - 1, &operation)) {
        return;
    }
    if (sources.count > SOURCES_INLINE) {
        sources.strings = pool_alloc(pool, MEMORY_JOB, sources_bytes(sources.count));
        if (sources.strings == NULL) {
            call_out_of_memory(call);
            return;
        }
        sources.scratch = (struct entry_scratch *)(void *)(sources.strings + sources.count);
    }
    if (sources_find(call, &sources)) {
        store(call, operation, &sources);
    }
    if (sources.strings != strings) {
        pool_free(pool, MEMORY_JOB, sources.strings, sources_bytes(sources.count));
    }
}
