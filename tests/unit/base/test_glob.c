#include "base/glob.h"
#include "base/random.h"
#include "seed.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum glob_outcome match_in(struct bytes pattern, struct bytes text, uint64_t steps)
{
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    struct glob glob = {0};
    ck_assert_int_eq(glob_compile(&glob, pool, pattern), 0);
    enum glob_outcome outcome = glob_match(&glob, text, &steps);
    glob_free(&glob, pool);
    pool_destroy(pool);
    depot_destroy(depot);
    return outcome;
}

static bool glob_matches(struct bytes pattern, struct bytes text)
{
    enum glob_outcome outcome = match_in(pattern, text, UINT64_C(1) << 40);
    ck_assert_int_ne(outcome, GLOB_TOO_LONG);
    return outcome == GLOB_MATCHES;
}

static bool matches(const char *pattern, const char *text)
{
    return glob_matches(bytes_of_string(pattern), bytes_of_string(text));
}

TEST(literals_and_wildcards)
{
    ck_assert(matches("", ""));
    ck_assert(!matches("", "a"));
    ck_assert(!matches("a", ""));
    ck_assert(matches("abc", "abc"));
    ck_assert(!matches("abc", "abd"));
    ck_assert(!matches("abc", "ab"));
    ck_assert(!matches("ab", "abc"));
    ck_assert(matches("a?c", "abc"));
    ck_assert(!matches("a?c", "ac"));
    ck_assert(matches("*", ""));
    ck_assert(matches("*", "anything"));
    ck_assert(matches("a*", "a"));
    ck_assert(matches("*c", "abc"));
    ck_assert(matches("a*b*c", "aXbYbZc"));
    ck_assert(!matches("a*b*c", "aXcYb"));
    ck_assert(matches("**a**", "bab"));
    ck_assert(matches("*ab", "aab"));
    ck_assert(matches("user:*:name", "user:1000:name"));
}

TEST(classes)
{
    ck_assert(matches("[abc]", "b"));
    ck_assert(!matches("[abc]", "d"));
    ck_assert(!matches("[^abc]", "b"));
    ck_assert(matches("[^abc]", "d"));
    ck_assert(matches("[a-c]x", "bx"));
    ck_assert(matches("[c-a]x", "bx"));
    ck_assert(!matches("[a-c]", "d"));
    ck_assert(matches("[\\]]", "]"));
    ck_assert(matches("[\\-]", "-"));
    ck_assert(!matches("[]", "]"));
    ck_assert(matches("[^]", "x"));
    ck_assert(matches("*[0-9]", "abc7"));
}

TEST(a_class_that_is_not_closed_ends_with_the_pattern)
{
    ck_assert(matches("[ab", "a"));
    ck_assert(!matches("[ab", "c"));
    ck_assert(!matches("[", "["));
    ck_assert(matches("[^", "x"));
    ck_assert(matches("[a-", "a"));
    ck_assert(matches("[a-", "-"));
    ck_assert(matches("[a\\", "\\"));
}

TEST(backslashes_take_the_next_byte_as_it_is)
{
    ck_assert(matches("\\*", "*"));
    ck_assert(!matches("\\*", "a"));
    ck_assert(matches("a\\?", "a?"));
    ck_assert(matches("\\\\", "\\"));
    ck_assert(matches("\\", "\\"));
    ck_assert(matches("\\[a]", "[a]"));
}

TEST(case_matters_unless_told_otherwise)
{
    ck_assert(!matches("ABC", "abc"));
    ck_assert(glob_matches_caseless(BYTES("A*[X-Z]"), BYTES("abcy")));
    ck_assert(glob_matches_caseless(BYTES("maxmem*"), BYTES("MaxMemory")));
    ck_assert(!glob_matches_caseless(BYTES("a[b-c]"), BYTES("AD")));
    ck_assert(!glob_matches_caseless(BYTES("[^a]"), BYTES("A")));
    ck_assert(!glob_matches_caseless(BYTES("[^A]"), BYTES("a")));
    ck_assert(glob_matches_caseless(BYTES("[^A]"), BYTES("b")));
}

TEST(any_byte_is_text)
{
    ck_assert(glob_matches(BYTES("a\0?*"), BYTES("a\0\xff")));
    ck_assert(glob_matches(BYTES("[\x80-\xff]"), BYTES("\xc3")));
    ck_assert(!glob_matches(BYTES("[\x80-\xff]"), BYTES("a")));
}

// With one star tried inside another this would take longer than the universe is old.
TEST(many_stars_take_no_more_than_pattern_times_text)
{
    enum { STARS = 1000, TEXT = 20000 };
    char *pattern = malloc(2 * STARS + 1);
    char *text = malloc(TEXT);
    ck_assert(pattern != NULL && text != NULL);
    for (size_t i = 0; i < STARS; i++) {
        pattern[2 * i] = 'a';
        pattern[2 * i + 1] = '*';
    }
    pattern[(size_t)2 * STARS] = 'b';
    memset(text, 'a', TEXT);
    ck_assert(!glob_matches(bytes_make(pattern, 2 * STARS + 1), bytes_make(text, TEXT)));
    text[TEXT - 1] = 'b';
    ck_assert(glob_matches(bytes_make(pattern, 2 * STARS + 1), bytes_make(text, TEXT)));
    free(pattern);
    free(text);
}

// ---- bounds ----

TEST(classes_are_read_once_and_steps_are_bounded)
{
    enum { SIZE = 60000 };
    char *pattern = malloc(SIZE + 2);
    char *text = malloc(SIZE);
    ck_assert(pattern != NULL && text != NULL);
    memset(text, 'a', SIZE);
    memset(pattern, 'b', SIZE + 2);
    pattern[0] = '*';
    pattern[1] = '[';
    pattern[SIZE + 1] = ']';
    // A star before one class of 60,000 bytes: one look at each byte of the text.
    ck_assert_int_eq(
        match_in(bytes_make(pattern, SIZE + 2), bytes_make(text, SIZE), (uint64_t)3 * SIZE),
        GLOB_DIFFERS);
    // Many ? between stars: the product of both sizes, which is too much.
    memset(pattern, '?', SIZE + 2);
    pattern[0] = '*';
    pattern[SIZE / 2] = 'b';
    pattern[SIZE + 1] = '*';
    ck_assert_int_eq(match_in(bytes_make(pattern, SIZE / 2 + 1), bytes_make(text, SIZE), 1000000),
                     GLOB_DIFFERS); // Ends in the literal b: compared at the end only.
    pattern[SIZE / 2 + 1] = '*';
    ck_assert_int_eq(match_in(bytes_make(pattern, SIZE / 2 + 2), bytes_make(text, SIZE), 1000000),
                     GLOB_TOO_LONG);
    // Literals are found in linear time.
    memset(pattern, 'a', SIZE / 2);
    pattern[0] = '*';
    pattern[SIZE / 2 - 1] = 'b';
    pattern[SIZE / 2] = '*';
    ck_assert_int_eq(match_in(bytes_make(pattern, SIZE / 2 + 1), bytes_make(text, SIZE), SIZE),
                     GLOB_DIFFERS);
    free(pattern);
    free(text);
}

TEST(patterns_beyond_the_limit_are_refused)
{
    char *pattern = calloc(1, GLOB_PATTERN_MAX + 1);
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    struct glob glob = {0};
    ck_assert_int_eq(glob_compile(&glob, pool, bytes_make(pattern, GLOB_PATTERN_MAX + 1)), -E2BIG);
    ck_assert_int_eq(glob_compile(&glob, pool, bytes_make(pattern, GLOB_PATTERN_MAX)), 0);
    glob_free(&glob, pool);
    pool_destroy(pool);
    depot_destroy(depot);
    free(pattern);
}

// ---- against a matcher that tries everything ----

// NOLINTNEXTLINE(misc-no-recursion): it is to be simple, and texts are short.
static bool tried(const char *pattern, const char *text)
{
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '*') {
        return tried(pattern + 1, text) || (*text != '\0' && tried(pattern, text + 1));
    }
    if (*text == '\0') {
        return false;
    }
    if (*pattern == '[') { // Only [ab] and [^a] are made below.
        const char *end = strchr(pattern, ']');
        bool excludes = pattern[1] == '^';
        bool found = false;
        for (const char *c = pattern + 1 + excludes; c < end; c++) {
            found |= *c == *text;
        }
        return found != excludes && tried(end + 1, text + 1);
    }
    return (*pattern == '?' || *pattern == *text) && tried(pattern + 1, text + 1);
}

TEST(random_patterns_match_as_if_everything_was_tried)
{
    static const char *const parts[] = {"a", "b", "?", "*", "[ab]", "[^a]", "ab"};
    struct random random = seed_random("glob");
    for (int round = 0; round < 20000; round++) {
        char pattern[64];
        size_t size = 0;
        char text[16] = "";
        uint64_t count = random_below(&random, 8);
        for (uint64_t i = 0; i < count; i++) {
            const char *part = parts[random_below(&random, sizeof(parts) / sizeof(parts[0]))];
            memcpy(pattern + size, part, strlen(part));
            size += strlen(part);
        }
        pattern[size] = '\0';
        count = random_below(&random, 10);
        for (uint64_t i = 0; i < count; i++) {
            text[i] = (char)('a' + random_below(&random, 3));
        }
        ck_assert_msg(matches(pattern, text) == tried(pattern, text), "%s %s", pattern, text);
        ck_assert_msg(glob_matches_caseless(bytes_of_string(pattern), bytes_of_string(text)) ==
                          tried(pattern, text),
                      "%s %s", pattern, text);
    }
}
