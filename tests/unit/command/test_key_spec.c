#include "command/key_spec.h"

#include "harness.h"
#include "unit.h"

#include <stdio.h>

enum { WORDS_MAX = 16 };

// The positions of the keys in a request of words: "1 3".
static const char *keys_of(const struct key_spec *specs, uint32_t count, const char *line)
{
    static char text[128];
    static char words[256];
    struct bytes argv[WORDS_MAX];
    struct key_runs runs;
    (void)snprintf(words, sizeof(words), "%s", line);
    uint32_t argc = harness_split(words, argv, WORDS_MAX);
    enum key_mistake mistake = key_specs_find(specs, count, argv, argc, &runs);
    if (mistake != KEY_FINE) {
        const char *error = key_mistake_text(specs[runs.run_count].count_kind, mistake);
        return error == NULL ? "none" : error;
    }
    size_t size = 0;
    uint32_t keys = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < runs.run_count; i++) {
        for (uint32_t j = 0; j < runs.runs[i].count; j++, keys++) {
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%u", keys > 0 ? " " : "",
                                     runs.runs[i].first + j * runs.runs[i].step);
        }
    }
    ck_assert_uint_eq(keys, runs.key_count);
    return text;
}

TEST(counted_keys_may_have_values)
{
    const struct key_spec pairs = {
        .from = 1, .kind = KEYS_COUNTED, .count_kind = KEY_COUNT_OF_PAIRS, .step = 2};
    ck_assert_str_eq(keys_of(&pairs, 1, "MSETEX 2 a 1 b 2 NX"), "2 4");
    ck_assert_str_eq(keys_of(&pairs, 1, "MSETEX 2 a 1 b"), "ERR wrong number of key-value pairs");
    ck_assert_str_eq(keys_of(&pairs, 1, "MSETEX 0 a 1"), "ERR invalid numkeys value");
    ck_assert_str_eq(keys_of(&pairs, 1, "MSETEX a 1"), "ERR invalid numkeys value");
}

TEST(ranges_go_to_a_place_or_to_the_end)
{
    const struct key_spec one = {.from = 1, .step = 1};
    const struct key_spec two = {.from = 1, .last = 1, .step = 1};
    const struct key_spec all = {.from = 1, .last = -1, .step = 1};
    const struct key_spec pairs = {.from = 1, .last = -1, .step = 2};
    const struct key_spec but_last = {.from = 1, .last = -2, .step = 1};
    ck_assert_str_eq(keys_of(&one, 1, "get a"), "1");
    ck_assert_str_eq(keys_of(&one, 1, "zadd a 1 b"), "1");
    ck_assert_str_eq(keys_of(&two, 1, "rename a b"), "1 2");
    ck_assert_str_eq(keys_of(&all, 1, "mget a b c"), "1 2 3");
    ck_assert_str_eq(keys_of(&pairs, 1, "mset a 1 b 2"), "1 3");
    ck_assert_str_eq(keys_of(&pairs, 1, "mset a 1 b"), "1 3");
    ck_assert_str_eq(keys_of(&but_last, 1, "blpop a b 0"), "1 2");
    ck_assert_str_eq(keys_of(&but_last, 1, "blpop 0"), "");
}

TEST(counted_keys_follow_their_count)
{
    const struct key_spec store[] = {
        {.from = 1, .step = 1},
        {.from = 2, .kind = KEYS_COUNTED, .step = 1, .count_kind = KEY_COUNT_OF_SETS},
    };
    ck_assert_str_eq(keys_of(store, 2, "zunionstore to 2 a b weights 1 2"), "1 3 4");
    ck_assert_str_eq(keys_of(store, 2, "zunionstore to 1 a"), "1 3");
    ck_assert_str_eq(keys_of(store, 2, "zunionstore to 0 a"), "none");
    ck_assert_str_eq(keys_of(store, 2, "zunionstore to 3 a b"), "ERR syntax error");
    ck_assert_str_eq(keys_of(store, 2, "zunionstore to 99999999999 a b"), "ERR syntax error");
    ck_assert_str_eq(keys_of(store, 2, "zunionstore to x a"),
                     "ERR value is not an integer or out of range");
}

TEST(each_kind_of_count_has_its_errors)
{
    struct key_spec spec = {.from = 1, .kind = KEYS_COUNTED, .step = 1};
    spec.count_kind = KEY_COUNT_OF_CARDS;
    ck_assert_str_eq(keys_of(&spec, 1, "x 0 a"), "ERR numkeys should be greater than 0");
    ck_assert_str_eq(keys_of(&spec, 1, "x y a"), "ERR numkeys should be greater than 0");
    ck_assert_str_eq(keys_of(&spec, 1, "x 2 a"),
                     "ERR Number of keys can't be greater than number of args");
    spec.count_kind = KEY_COUNT_OF_POPS;
    ck_assert_str_eq(keys_of(&spec, 1, "x -1 a"), "ERR numkeys should be greater than 0");
    ck_assert_str_eq(keys_of(&spec, 1, "x 2 a"), "ERR syntax error");
    spec.count_kind = KEY_COUNT_OF_SCRIPTS;
    ck_assert_str_eq(keys_of(&spec, 1, "x 0 a"), "");
    ck_assert_str_eq(keys_of(&spec, 1, "x -1 a"), "ERR Number of keys can't be negative");
    ck_assert_str_eq(keys_of(&spec, 1, "x 2 a"),
                     "ERR Number of keys can't be greater than number of args");
}

TEST(keys_may_be_behind_a_word)
{
    const struct key_spec streams = {
        .kind = KEYS_BEHIND, .keyword = "STREAMS", .from = 1, .last = -1, .step = 1, .part = 2};
    const struct key_spec store = {.kind = KEYS_BEHIND, .keyword = "STORE", .from = 6, .step = 1};
    const struct key_spec migrate = {
        .kind = KEYS_BEHIND, .keyword = "KEYS", .from = -2, .last = -1, .step = 1};
    ck_assert_str_eq(keys_of(&streams, 1, "xread count 1 streams a b 0 0"), "4 5");
    ck_assert_str_eq(keys_of(&streams, 1, "xread Streams a 0"), "2");
    ck_assert_str_eq(keys_of(&streams, 1, "xread streams"), "");
    ck_assert_str_eq(keys_of(&streams, 1, "xread streams a"), "");
    ck_assert_str_eq(keys_of(&streams, 1, "xread a 0"), "");
    ck_assert_str_eq(keys_of(&store, 1, "georadius a 1 2 3 km store to"), "7");
    ck_assert_str_eq(keys_of(&store, 1, "georadius a 1 2 3 km store"), "");
    ck_assert_str_eq(keys_of(&migrate, 1, "migrate keys 1 keys 0 10 keys a b"), "7 8");
    ck_assert_str_eq(keys_of(&migrate, 1, "migrate host 1 k 0 10"), "");
}
