/* What is the same for values of all types. */
#include "unit.h"
#include "value/string/string_value.h"
#include "value/zset/zset.h"

#include <stdlib.h>
#include <string.h>

static const struct hash_secret secret = {.sip = {3, 4}};

struct fixture {
    struct depot *depot;
    struct pool *pool;
};

static struct fixture set_up(void)
{
    struct depot *depot = depot_create();
    return (struct fixture){.depot = depot, .pool = pool_create(depot)};
}

static void tear_down(struct fixture *f)
{
    uint64_t usage[MEMORY_TAGS];
    pool_quiesce(f->pool);
    depot_usage(f->depot, usage);
    for (int tag = 0; tag < MEMORY_TAGS; tag++) {
        ck_assert_uint_eq(usage[tag], 0);
    }
    pool_destroy(f->pool);
    depot_destroy(f->depot);
}

TEST(every_type_has_a_name_of_its_own_and_is_found_by_it)
{
    for (int i = 0; i < VALUE_TYPES; i++) {
        const char *name = value_type_ops((enum value_type)i)->name;
        enum value_type type = VALUE_TYPES;
        ck_assert(value_type_find(bytes_of_string(name), &type));
        ck_assert_int_eq((int)type, i);
    }
    enum value_type type = VALUE_TYPES;
    ck_assert(value_type_find(BYTES("ZSet"), &type));
    ck_assert_int_eq(type, VALUE_ZSET);
    ck_assert(!value_type_find(BYTES("zse"), &type));
    ck_assert(!value_type_find(BYTES("zsets"), &type));
    ck_assert(!value_type_find(BYTES(""), &type));
    ck_assert(!value_type_find(BYTES("string\0"), &type));
    ck_assert_int_eq(type, VALUE_ZSET);
}

TEST(every_type_does_what_the_layers_above_need)
{
    for (int i = 0; i < VALUE_TYPES; i++) {
        const struct value_ops *ops = value_type_ops((enum value_type)i);
        ck_assert(ops->encoding != NULL);
        ck_assert(ops->free_effort != NULL);
        ck_assert(ops->free != NULL);
        ck_assert(ops->validate != NULL);
    }
}

TEST(a_value_goes_with_its_last_holder)
{
    struct fixture f = set_up();
    struct string *string = string_create(f.pool, BYTES("abc"), 3);
    struct value *value = &string->value;
    ck_assert(!value_is_shared(value));
    value_hold(value);
    ck_assert(value_is_shared(value));
    ck_assert(!value_drop(value));
    ck_assert(!value_is_shared(value));
    ck_assert(value_drop(value));
    value_free(value, f.pool);
    tear_down(&f);
}

TEST(big_values_are_left_to_the_background)
{
    struct fixture f = set_up();
    struct string *string = string_create(f.pool, BYTES("abc"), 100000);
    ck_assert_uint_le(value_free_effort(&string->value), VALUE_FREE_INLINE_MAX);
    value_free(&string->value, f.pool);
    string = string_create(f.pool, BYTES("abc"), (size_t)8 << 20);
    ck_assert_uint_gt(value_free_effort(&string->value), VALUE_FREE_INLINE_MAX);
    value_free(&string->value, f.pool);

    struct zset *zset = zset_create(f.pool, &secret);
    enum zset_put put;
    for (uint16_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(zset_put(zset, f.pool, bytes_make((const char *)&i, sizeof(i)), i, &put),
                         0);
        value_ops(zset_value(zset))->validate(zset_value(zset));
    }
    ck_assert_uint_gt(value_free_effort(zset_value(zset)), VALUE_FREE_INLINE_MAX);
    value_free(zset_value(zset), f.pool);
    tear_down(&f);
}

TEST(encodings_have_the_words_of_redis)
{
    struct fixture f = set_up();
    struct string *string = string_create(f.pool, BYTES("abc"), 3);
    ck_assert_str_eq(value_ops(&string->value)->encoding(&string->value), "raw");
    value_free(&string->value, f.pool);
    struct zset *zset = zset_create(f.pool, &secret);
    struct value *value = zset_value(zset);
    enum zset_put put;
    ck_assert_int_eq(zset_put(zset, f.pool, BYTES("member"), 1, &put), 0);
    ck_assert_str_eq(value_ops(value)->encoding(value), "listpack");
    char member[ZSET_PACKED_MEMBER_MAX + 1] = {0};
    ck_assert_int_eq(zset_put(zset, f.pool, bytes_make(member, sizeof(member)), 1, &put), 0);
    ck_assert_str_eq(value_ops(value)->encoding(value), "skiplist");
    value_free(value, f.pool);
    tear_down(&f);
}

// Nothing is to be seen of it but that it reads within its bounds and changes nothing.
TEST(elements_of_any_kind_may_be_prefetched)
{
    struct fixture f = set_up();
    struct zset *zset = zset_create(f.pool, &secret);
    struct value *value = zset_value(zset);
    enum zset_put put;
    struct value_element elements[VALUE_PREFETCH_MAX];
    const struct bytes scores[] = {
        {.data = NULL, .size = 0}, BYTES("1.5"), BYTES("-inf"), BYTES("not a score"), BYTES("nan")};
    uint16_t names[VALUE_PREFETCH_MAX];
    for (unsigned i = 0; i < VALUE_PREFETCH_MAX; i++) {
        names[i] = (uint16_t)(31 * i);
        elements[i] = (struct value_element){
            .name = bytes_make((const char *)&names[i], sizeof(names[i])), .with = scores[i % 5]};
    }
    for (uint16_t i = 0; i < 500; i++) {
        value_ops(value)->prefetch(value, elements, i % (VALUE_PREFETCH_MAX + 1));
        ck_assert_int_eq(zset_put(zset, f.pool, bytes_make((const char *)&i, sizeof(i)), i, &put),
                         0);
    }
    value_ops(value)->validate(value);
    ck_assert_uint_eq(zset_count(zset), 500);
    value_free(value, f.pool);
    tear_down(&f);
}
