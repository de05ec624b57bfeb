#include "value/value.h"

#include "value/string.h"
#include "value/zset.h"

enum { FREE_UNIT_BYTES = 16 * 1024 };

void value_init(struct value *value, enum value_type type)
{
    atomic_init(&value->holders, 1);
    value->type = (uint8_t)type;
    value->waiters = NULL;
    value->next = NULL;
}

void value_hold(struct value *value)
{
    atomic_fetch_add_explicit(&value->holders, 1, memory_order_relaxed);
}

bool value_release(struct value *value)
{
    // Release: our reads are over before the count shows it. Acquire: whoever is
    // last sees what the others did. Pairs with value_is_shared.
    return atomic_fetch_sub_explicit(&value->holders, 1, memory_order_acq_rel) == 1;
}

size_t value_free_effort(const struct value *value)
{
    switch ((enum value_type)value->type) {
    case VALUE_STRING:
        // A block of pages costs about as much as a small object each.
        return 1 + ((const struct string *)(const void *)value)->capacity / FREE_UNIT_BYTES;
    case VALUE_ZSET:
        return zset_free_effort((const struct zset *)(const void *)value);
    }
    return 1;
}

void value_free(struct value *value, struct pool *pool)
{
    switch ((enum value_type)value->type) {
    case VALUE_STRING:
        string_destroy((struct string *)value, pool);
        return;
    case VALUE_ZSET:
        zset_destroy(zset_of_value(value), pool);
        return;
    }
}

const char *value_type_name(enum value_type type)
{
    return type == VALUE_STRING ? "string" : "zset";
}
