#include "base/glob.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

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
