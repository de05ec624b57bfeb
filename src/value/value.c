#include "value/value.h"

#include "value/string/string_value.h"
#include "value/zset/zset.h"

// Whether `a` is `name`, which is in lower case, ASCII case aside.
static bool bytes_is_name(struct bytes a, const char *name)
{
    if (a.size != strlen(name)) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        char c = a.data[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != name[i]) {
            return false;
        }
    }
    return true;
}

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

bool value_drop(struct value *value)
{
    // Release: our reads are over before the count shows it. Acquire: whoever is
    // last sees what the others did. Pairs with value_is_shared.
    return atomic_fetch_sub_explicit(&value->holders, 1, memory_order_acq_rel) == 1;
}

const struct value_ops *value_type_ops(enum value_type type)
{
    static const struct value_ops *const ops[VALUE_TYPES] = {
        [VALUE_STRING] = &string_ops,
        [VALUE_ZSET] = &zset_ops,
    };
    return ops[type];
}

bool value_type_find(struct bytes name, enum value_type *type_out)
{
    for (int type = 0; type < VALUE_TYPES; type++) {
        if (bytes_is_name(name, value_type_ops((enum value_type)type)->name)) {
            *type_out = (enum value_type)type;
            return true;
        }
    }
    return false;
}
