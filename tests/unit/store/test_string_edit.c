/* Strings changed in place: how they are stored, and what is not copied. */
#include "store/access.h"
#include "store/entry_internal.h"
#include "unit.h"
#include "value/string/string_value.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct keyspace *keyspace;
    struct access access;
    struct key key;
};

static void never_wakes(void *context, unsigned tender)
{
    (void)context;
    (void)tender;
}

static struct fixture set_up(void)
{
    struct keyspace_options options = {
        .shard_bits = 1,
        .databases = 1,
        .threads = 1,
        .tenders = 1,
        .wake = never_wakes,
    };
    struct fixture f = {.keyspace = keyspace_create(&options)};
    access_open(&f.access, f.keyspace, keyspace_thread_create(f.keyspace), 0, 1000);
    f.key = keyspace_key(f.keyspace, BYTES("key"));
    ck_assert_int_eq(access_ensure_database(&f.access), 0);
    return f;
}

static void tear_down(struct fixture *f)
{
    keyspace_validate(f->keyspace);
    keyspace_thread_destroy(f->keyspace, f->access.thread);
    keyspace_destroy(f->keyspace);
}

static const char *encoding(struct fixture *f)
{
    return entry_encoding_name(keyspace_find(&f->access, &f->key));
}

static struct bytes string(struct fixture *f, struct entry_scratch *scratch)
{
    return entry_string(keyspace_find(&f->access, &f->key), scratch);
}

static void set(struct fixture *f, const char *text)
{
    const struct put_options options = {0};
    ck_assert_int_eq(keyspace_put_string(&f->access, &f->key, bytes_of_string(text), &options), 0);
}

static size_t append(struct fixture *f, struct bytes tail)
{
    size_t size = 0;
    ck_assert_int_eq(keyspace_append(&f->access, &f->key, tail, &size), 0);
    return size;
}

static struct string_edit edit(struct fixture *f, size_t size_min)
{
    struct string_edit edit;
    ck_assert_int_eq(keyspace_edit_string(&f->access, &f->key, size_min, &edit), 0);
    return edit;
}

// As Redis 7.2: what was set is an int or an embstr, what was changed in place is raw.
TEST(what_was_changed_in_place_is_raw)
{
    struct fixture f = set_up();
    ck_assert_uint_eq(append(&f, BYTES("12")), 2); // Of an absent key: as SET.
    ck_assert_str_eq(encoding(&f), "int");
    ck_assert_uint_eq(append(&f, BYTES("34")), 4);
    ck_assert_str_eq(encoding(&f), "raw");
    set(&f, "text");
    ck_assert_str_eq(encoding(&f), "embstr");
    edit(&f, 0).data[1] = 'a';
    ck_assert_str_eq(encoding(&f), "raw");
    struct entry_scratch scratch;
    ck_assert(bytes_equal(string(&f, &scratch), BYTES("taxt")));
    set(&f, "-7");
    ck_assert_str_eq(encoding(&f), "int");
    edit(&f, 1).data[0] = '1';
    ck_assert_str_eq(encoding(&f), "raw");
    ck_assert(bytes_equal(string(&f, &scratch), BYTES("17")));
    tear_down(&f);
}

TEST(an_absent_string_is_made_of_zeros)
{
    struct fixture f = set_up();
    struct string_edit made = edit(&f, 3);
    ck_assert_uint_eq(made.size, 3);
    ck_assert_uint_eq(made.old_size, 0);
    made.data[1] = 'x';
    struct entry_scratch scratch;
    ck_assert(bytes_equal(string(&f, &scratch), BYTES("\0x\0")));
    tear_down(&f);
}

TEST(a_deadline_stays)
{
    struct fixture f = set_up();
    const struct put_options options = {.deadline_ms = 5000};
    ck_assert_int_eq(keyspace_put_string(&f.access, &f.key, BYTES("text"), &options), 0);
    static const size_t sizes[] = {4, 5, 900, 2000, 50000, 1000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ck_assert_uint_eq(edit(&f, sizes[i]).size, sizes[i]);
        ck_assert_uint_eq(entry_deadline_ms(keyspace_find(&f.access, &f.key)), 5000);
    }
    tear_down(&f);
}

TEST(appending_within_the_room_leaves_what_was_lent_where_it_is)
{
    enum { SIZE = 100000 };
    struct fixture f = set_up();
    char *text = malloc(SIZE);
    memset(text, 'a', SIZE);
    ck_assert_uint_eq(append(&f, bytes_make(text, SIZE)), SIZE);
    ck_assert_uint_eq(append(&f, BYTES("b")), SIZE + 1); // Now there is room.
    struct entry_scratch scratch;
    struct bytes lent = string(&f, &scratch);
    struct value *value = entry_value(keyspace_find(&f.access, &f.key));
    keyspace_hold(f.access.thread, value);
    ck_assert_uint_eq(append(&f, BYTES("c")), SIZE + 2);
    ck_assert_ptr_eq(string(&f, &scratch).data, lent.data);
    edit(&f, 0).data[0] = 'X'; // A change of what was lent goes to a copy.
    ck_assert_ptr_ne(string(&f, &scratch).data, lent.data);
    ck_assert_mem_eq(lent.data, text, SIZE);
    ck_assert_int_eq(lent.data[SIZE], 'b');
    keyspace_drop(f.access.thread, value);
    ck_assert_int_eq(string(&f, &scratch).data[0], 'X');
    free(text);
    tear_down(&f);
}

TEST(a_block_is_put_without_being_copied)
{
    struct fixture f = set_up();
    struct string *block = string_create_unfilled(f.access.thread->pool, 20000);
    memset(block->data, 'x', 20000);
    const struct put_options options = {.deadline_ms = 5000};
    ck_assert_int_eq(keyspace_put_long_string(&f.access, &f.key, block, &options), 0);
    struct entry_scratch scratch;
    ck_assert_ptr_eq(string(&f, &scratch).data, block->data);
    ck_assert_uint_eq(string(&f, &scratch).size, 20000);
    ck_assert_uint_eq(entry_deadline_ms(keyspace_find(&f.access, &f.key)), 5000);
    tear_down(&f);
}
