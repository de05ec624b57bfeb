/* Each allocation of each operation on a long string fails: the string stays as it was. */
#include "unit.h"
#include "value/string/string_value.h"

#include <errno.h>
#include <stdlib.h>
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

static const size_t sizes[] = {1, 100, 5000, 16000, 17000, 40000, 1000000};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

TEST(a_string_is_made_or_not)
{
    struct fixture f = set_up();
    for (size_t i = 0; i < SIZES; i++) {
        for (int way = 0; way < 3; way++) {
            pool_fail_after(f.pool, 0);
            struct string *string = NULL;
            if (way == 0) {
                string = string_create(f.pool, BYTES("x"), sizes[i]);
            } else if (way == 1) {
                string = string_create_unfilled(f.pool, sizes[i]);
            } else {
                string = string_copy_zeroed(f.pool, BYTES("x"), sizes[i]);
            }
#ifdef FASTKV_CHECKED
            ck_assert_ptr_null(string);
#endif
            pool_fail_after(f.pool, -1);
            string_destroy(string, f.pool);
        }
    }
    tear_down(&f);
}

// Both ways to make it longer, from each size to each larger one.
TEST(a_string_that_cannot_grow_stays_as_it_was)
{
    struct fixture f = set_up();
    char *text = malloc(sizes[SIZES - 1]);
    ck_assert_ptr_nonnull(text);
    memset(text, 't', sizes[SIZES - 1]);
    for (size_t i = 0; i < (size_t)SIZES * SIZES * 2; i++) {
        size_t from = sizes[i / 2 % SIZES];
        size_t to = sizes[i / 2 / SIZES];
        if (to <= from) {
            continue;
        }
        struct string *string = string_create(f.pool, bytes_make(text, from), from);
        struct string *before = string;
        pool_fail_after(f.pool, 0);
        int error = i % 2 == 0 ? string_extend(&string, f.pool, to - from)
                               : string_extend_zeroed(&string, f.pool, to);
        pool_fail_after(f.pool, -1);
#ifdef FASTKV_CHECKED
        ck_assert_int_eq(error, -ENOMEM);
#endif
        if (error < 0) {
            ck_assert_ptr_eq(string, before);
            ck_assert_uint_eq(string->size, from);
        }
        ck_assert_mem_eq(string->data, text, from);
        string_destroy(string, f.pool);
    }
    free(text);
    tear_down(&f);
}
