/* Strings that are blocks of their own. */
#include "unit.h"
#include "value/string/string_value.h"

#include <string.h>

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
    depot_usage(f->depot, usage);
    ck_assert_uint_eq(usage[MEMORY_STRING], 0);
    pool_destroy(f->pool);
    depot_destroy(f->depot);
}

static bool is(const struct string *string, const char *text)
{
    value_ops(&string->value)->validate(&string->value);
    return bytes_equal(string_bytes(string), bytes_of_string(text));
}

TEST(a_string_is_filled_as_its_bytes_arrive)
{
    struct fixture f = set_up();
    struct string *string = string_create_unfilled(f.pool, 5);
    memcpy(string->data, "hello", 5);
    ck_assert_int_eq(string_extend(&string, f.pool, 6), 0);
    memcpy(string->data + 5, " world", 6);
    ck_assert(is(string, "hello world"));
    string_destroy(string, f.pool);
    tear_down(&f);
}

TEST(growing_in_small_steps_moves_a_string_seldom)
{
    enum { SIZE = 1000000 };
    struct fixture f = set_up();
    struct string *string = string_create(f.pool, BYTES(""), 0);
    unsigned grown = 0;
    for (size_t i = 0; i < SIZE; i++) {
        size_t capacity = string->capacity;
        if (string_extend(&string, f.pool, 1) < 0) {
            ck_abort_msg("out of memory");
        }
        string->data[i] = (char)i;
        grown += string->capacity != capacity;
    }
    ck_assert_uint_le(grown, 36); // log 1,000,000 / log 1.5 is 34.
    ck_assert_uint_le(string->capacity, SIZE + SIZE / 2);
    string_destroy(string, f.pool);
    tear_down(&f);
}

TEST(what_is_made_longer_is_zero)
{
    struct fixture f = set_up();
    static const size_t sizes[] = {3, 4, 7, 100, 149, 5000, 30000, 40000, 1000000};
    struct string *string = string_create(f.pool, BYTES("abc"), 3);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t old_size = string->size;
        ck_assert_int_eq(string_extend_zeroed(&string, f.pool, sizes[i]), 0);
        ck_assert_uint_eq(string->size, sizes[i]);
        ck_assert_mem_eq(string->data, "abc", 3);
        const char *added = string->data + old_size;
        size_t added_size = string->size - old_size;
        ck_assert(added_size == 0 ||
                  (added[0] == 0 && memcmp(added, added + 1, added_size - 1) == 0));
        memset(string->data + old_size, 'x', string->size - old_size);
    }
    string_destroy(string, f.pool);
    tear_down(&f);
}

TEST(a_copy_has_room_when_growing_goes_on)
{
    struct fixture f = set_up();
    struct string *string = string_copy_zeroed(f.pool, BYTES("abcdef"), 8);
    ck_assert(bytes_equal(string_bytes(string), BYTES("abcdef\0\0")));
    ck_assert_uint_eq(string->capacity, 12);
    string_destroy(string, f.pool);
    string = string_copy_zeroed(f.pool, BYTES("abc"), 100000); // Just written far beyond its end.
    ck_assert_uint_eq(string->capacity, 100000);
    string_destroy(string, f.pool);
    tear_down(&f);
}
