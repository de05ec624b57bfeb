#include "command/effect.h"

#include "base/number.h"

void effect_set(struct call *call, const struct key *key, const char *event)
{
    if (!call_has_listener(call)) {
        return;
    }
    const struct entry *entry = keyspace_find(&call->access, key);
    ASSERT(entry != NULL);
    struct entry_scratch scratch;
    char digits[NUMBER_INTEGER_SIZE_MAX];
    uint64_t deadline_ms = entry_deadline_ms(entry);
    const struct bytes effect[] = {
        BYTES("SET"),
        key->name,
        entry_string(entry, &scratch),
        BYTES("PXAT"),
        bytes_make(digits, number_format_unsigned(deadline_ms, digits)),
    };
    call_effect(call, (struct effect_event){event, EFFECT_STRING, EFFECT_ONE_KEY}, effect,
                deadline_ms == 0 ? 3 : 5);
}

void effect_delete(struct call *call, const struct key *key)
{
    const struct bytes effect[] = {BYTES("DEL"), key->name};
    call_effect(call, (struct effect_event){"del", EFFECT_GENERIC, EFFECT_ONE_KEY}, effect, 2);
}

void effect_event(struct call *call, const struct key *key, const char *event,
                  enum effect_class class)
{
    if (call_has_listener(call)) {
        effects_tell_event(&call->access, (struct effect_event){event, class, EFFECT_ONE_KEY},
                           key->name);
    }
}

void effect_deadline(struct call *call, const struct key *key, uint64_t deadline_ms)
{
    if (!call_has_listener(call)) {
        return;
    }
    char digits[NUMBER_INTEGER_SIZE_MAX];
    size_t size = number_format_unsigned(deadline_ms, digits);
    const struct bytes effect[] = {BYTES("PEXPIREAT"), key->name, bytes_make(digits, size)};
    call_effect(call, (struct effect_event){"expire", EFFECT_GENERIC, EFFECT_ONE_KEY}, effect, 3);
}

bool effect_list_begin(struct effect_list *list, struct call *call, const char *name,
                       const struct key *key, uint32_t args)
{
    list->argv = NULL;
    if (!call_has_listener(call)) {
        return true;
    }
    list->argc_max = args + 2;
    list->argv = list->inline_argv;
    if (list->argc_max > EFFECT_INLINE_ARGS) {
        list->argv = pool_alloc(call->access.thread->pool, MEMORY_JOB,
                                list->argc_max * sizeof(struct bytes));
        if (list->argv == NULL) {
            call_out_of_memory(call);
            return false;
        }
    }
    list->argc = 0;
    list->argv[list->argc++] = bytes_of_string(name);
    if (key != NULL) {
        list->argv[list->argc++] = key->name;
    }
    list->argc_empty = list->argc;
    return true;
}

void effect_list_end(struct effect_list *list, struct call *call, struct effect_event event)
{
    if (LIKELY(list->argv == NULL)) {
        return;
    }
    if (list->argc > list->argc_empty) {
        call_effect(call, event, list->argv, list->argc);
    }
    if (list->argv != list->inline_argv) {
        pool_free(call->access.thread->pool, MEMORY_JOB, list->argv,
                  list->argc_max * sizeof(struct bytes));
    }
}
