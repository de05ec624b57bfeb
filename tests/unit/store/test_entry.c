/* Entries: what their bytes are, and what they say of themselves. */
#include "store/access.h"
#include "store/entry_internal.h"
#include "unit.h"
#include "value/string/string_value.h"

#include <stdlib.h>
#include <string.h>

static const struct hash_secret secret = {.sip = {1, 2}};

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
    ck_assert_uint_eq(usage[MEMORY_ENTRY], 0);
    pool_destroy(f->pool);
    depot_destroy(f->depot);
}

static struct payload raw(const char *data, size_t size)
{
    return (struct payload){
        .type = VALUE_STRING, .encoding = ENTRY_RAW, .raw = bytes_make(data, size)};
}

static struct payload integer(int64_t n)
{
    return (struct payload){.type = VALUE_STRING, .encoding = ENTRY_INTEGER, .integer = n};
}

TEST(the_bytes_are_as_drawn)
{
    struct fixture f = set_up();
    struct payload payload = raw("ab", 2);
    struct entry *entry = entry_create(f.pool, &(struct key){.name = BYTES("k")}, &payload, false);
    static const unsigned char expected[] = {0x00, 0x01, 0x02, 0x00, 0x6b, 0x61, 0x62};
    ck_assert_uint_eq(entry_size(entry), sizeof(expected));
    ck_assert_mem_eq(entry, expected, sizeof(expected));
    entry_free(entry, f.pool);
    tear_down(&f);
}

TEST(a_key_and_a_value_cost_four_bytes_beside_them)
{
    struct payload payload = raw("0123456789", 10);
    ck_assert_uint_eq(entry_size_for(16, &payload, false), 4 + 16 + 10);
    ck_assert_uint_eq(entry_size_for(16, &payload, true), 4 + 12 + 16 + 10);
    ck_assert_uint_eq(entry_size_for(255, &payload, false), 4 + 255 + 10);
    ck_assert_uint_eq(entry_size_for(256, &payload, false), 4 + 12 + 256 + 10);
    payload = integer(INT64_MIN);
    ck_assert_uint_eq(entry_size_for(16, &payload, false), 4 + 16 + 8);
}

/* Each type with each encoding, with and without a deadline and a long key: no bit of the
 * header means two things. */
TEST(what_was_put_in_is_read_out)
{
    struct fixture f = set_up();
    char key_data[300];
    memset(key_data, 'k', sizeof(key_data));
    static const size_t key_sizes[] = {0, 1, 255, 256, 300};
    struct value block;
    for (int type = 0; type < VALUE_TYPES; type++) {
        value_init(&block, (enum value_type)type);
        struct payload payloads[] = {
            raw("", 0), raw("text", 4), integer(-7), {.encoding = ENTRY_VALUE, .value = &block}};
        for (unsigned i = 0; i < 4 * 5 * 2; i++) {
            struct payload payload = payloads[i % 4];
            payload.type = (enum value_type)type;
            struct bytes key = bytes_make(key_data, key_sizes[i / 4 % 5]);
            bool has_deadline = i / 20 == 1;
            struct key named = {.name = key, .hash = hash_bytes(&secret, key) ^ 1};
            struct entry *entry = entry_create(f.pool, &named, &payload, has_deadline);
            // A long key's is not computed again.
            ck_assert_uint_eq(entry_hash(entry, &secret) ^ (key.size > 255), named.hash ^ 1);
            ck_assert_int_eq(entry_type(entry), type);
            ck_assert_int_eq(entry_encoding(entry), payload.encoding);
            ck_assert_int_eq(entry_has_deadline(entry), has_deadline);
            ck_assert(bytes_equal(entry_key(entry), key) && entry_has_key(entry, &key));
            ck_assert_uint_eq(entry_size(entry), entry_size_for(key.size, &payload, has_deadline));
            struct payload read = entry_payload(entry);
            ck_assert_int_eq(read.integer,
                             payload.encoding == ENTRY_RAW ? read.integer : payload.integer);
            ck_assert(payload.encoding != ENTRY_RAW || bytes_equal(read.raw, payload.raw));
            entry_free(entry, f.pool);
        }
    }
    tear_down(&f);
}

TEST(a_payload_is_rewritten_where_the_block_serves)
{
    struct fixture f = set_up();
    struct payload payload = integer(1);
    struct bytes key = BYTES("0123");
    struct entry *entry =
        entry_create(f.pool, &(struct key){.name = key}, &payload, false); // 16 bytes.
    payload = raw("12345678", 8);
    ck_assert(entry_rewrite(entry, &payload));
    ck_assert(bytes_equal(entry_payload(entry).raw, payload.raw));
    payload = raw("1", 1); // 9: of the same class as 16.
    ck_assert(entry_rewrite(entry, &payload));
    payload = raw("123456789", 9);
    ck_assert(!entry_rewrite(entry, &payload));
    payload = raw("", 0); // 8.
    ck_assert(!entry_rewrite(entry, &payload));
    ck_assert(bytes_equal(entry_payload(entry).raw, BYTES("1")));
    ck_assert(bytes_equal(entry_key(entry), key));
    entry_free(entry, f.pool);
    tear_down(&f);
}

TEST(encodings_have_the_words_of_redis)
{
    struct fixture f = set_up();
    char text[45] = {0};
    struct string *string = string_create(f.pool, BYTES("long"), STRING_EMBEDDED_MAX);
    struct payload block = {.type = VALUE_STRING, .encoding = ENTRY_VALUE, .value = &string->value};
    const struct {
        struct payload payload;
        const char *word;
    } cases[] = {
        {integer(12), "int"},   {raw("", 0), "embstr"}, {raw(text, 44), "embstr"},
        {raw(text, 45), "raw"}, {block, "raw"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct entry *entry =
            entry_create(f.pool, &(struct key){.name = BYTES("k")}, &cases[i].payload, false);
        ck_assert_str_eq(entry_encoding_name(entry), cases[i].word);
        entry_free(entry, f.pool);
    }
    string_destroy(string, f.pool);
    struct payload text_payload = raw("text", 4);
    struct entry *entry =
        entry_create(f.pool, &(struct key){.name = BYTES("k")}, &text_payload, false);
    entry_raw(entry)[1] = 'a'; // As SETRANGE does; from then on Redis says raw.
    ck_assert_str_eq(entry_encoding_name(entry), "raw");
    text_payload = entry_payload(entry);
    ck_assert(bytes_equal(text_payload.raw, BYTES("taxt")));
    struct entry *copy =
        entry_create(f.pool, &(struct key){.name = BYTES("k")}, &text_payload, true);
    ck_assert_str_eq(entry_encoding_name(copy), "raw");
    ck_assert_uint_eq(entry_size(copy), 4 + 12 + 1 + 4);
    text_payload = raw("text", 4);
    ck_assert(entry_rewrite(entry, &text_payload));
    ck_assert_str_eq(entry_encoding_name(entry), "embstr");
    entry_free(entry, f.pool);
    entry_free(copy, f.pool);
    tear_down(&f);
}
