#include "base/glob.h"

static unsigned char fold(char c, bool caseless)
{
    bool is_upper = c >= 'A' && c <= 'Z';
    return (unsigned char)(caseless && is_upper ? c - 'A' + 'a' : c);
}

static bool in_range(unsigned char c, unsigned char a, unsigned char b)
{
    return a <= b ? c >= a && c <= b : c >= b && c <= a;
}

/* Match `c` against the class whose '[' stands at *at, and move *at behind it. */
static bool match_class(struct bytes pattern, size_t *at, unsigned char c, bool caseless)
{
    const char *p = pattern.data;
    size_t size = pattern.size;
    size_t i = *at + 1;
    bool excludes = i < size && p[i] == '^';
    i += excludes;
    bool found = false;
    while (i < size && p[i] != ']') {
        if (p[i] == '\\' && i + 1 < size) {
            found |= fold(p[i + 1], caseless) == c;
            i += 2;
        } else if (i + 2 < size && p[i + 1] == '-') {
            found |= in_range(c, fold(p[i], caseless), fold(p[i + 2], caseless));
            i += 3;
        } else {
            found |= fold(p[i], caseless) == c;
            i++;
        }
    }
    *at = i < size ? i + 1 : size;
    return found != excludes;
}

/* Match one byte against the element at *at, which is no star, and move *at behind it. */
static bool match_one(struct bytes pattern, size_t *at, char text, bool caseless)
{
    unsigned char c = fold(text, caseless);
    switch (pattern.data[*at]) {
    case '?':
        (*at)++;
        return true;
    case '[':
        return match_class(pattern, at, c, caseless);
    case '\\':
        if (*at + 1 < pattern.size) {
            (*at)++;
        }
        break;
    default:
        break;
    }
    return fold(pattern.data[(*at)++], caseless) == c;
}

static bool matches(struct bytes pattern, struct bytes text, bool caseless)
{
    size_t at = 0;          // In the pattern.
    size_t done = 0;        // Of the text.
    size_t after_star = 0;  // Behind the last star; 0: there was none.
    size_t star_covers = 0; // The text up to where the last star reaches.
    while (done < text.size) {
        if (at < pattern.size && pattern.data[at] == '*') {
            after_star = ++at;
            star_covers = done;
            continue;
        }
        if (at < pattern.size && match_one(pattern, &at, text.data[done], caseless)) {
            done++;
            continue;
        }
        if (after_star == 0) {
            return false;
        }
        if (after_star == pattern.size) {
            return true;
        }
        at = after_star;
        done = ++star_covers;
    }
    while (at < pattern.size && pattern.data[at] == '*') {
        at++;
    }
    return at == pattern.size;
}

bool glob_matches(struct bytes pattern, struct bytes text)
{
    return matches(pattern, text, false);
}

bool glob_matches_caseless(struct bytes pattern, struct bytes text)
{
    return matches(pattern, text, true);
}
