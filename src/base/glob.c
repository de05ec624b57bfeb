#include "base/glob.h"

#include <errno.h>
#include <string.h>

struct glob_segment {
    size_t at;       // Its first element.
    size_t size;     // Elements, each for one byte.
    bool is_literal; // It has no classes and no ?.
};

enum { KIND_LITERAL, KIND_ANY, KIND_CLASS }; // KIND_CLASS + i: class i.

// ---- classes ----

static void class_add(uint64_t class[4], unsigned char from, unsigned char to)
{
    unsigned low = from <= to ? from : to;
    unsigned high = from <= to ? to : from;
    for (unsigned c = low; c <= high; c++) {
        class[c / 64] |= UINT64_C(1) << c % 64;
    }
}

static bool class_has(const uint64_t class[4], unsigned char c)
{
    return (class[c / 64] >> c % 64 & 1) != 0;
}

// Read the class whose '[' is at `at`; where what follows it begins.
static size_t read_class(struct bytes pattern, size_t at, uint64_t class[4])
{
    const char *p = pattern.data;
    size_t size = pattern.size;
    size_t i = at + 1;
    bool excludes = i < size && p[i] == '^';
    i += excludes;
    memset(class, 0, 4 * sizeof(*class));
    while (i < size && p[i] != ']') {
        if (p[i] == '\\' && i + 1 < size) {
            class_add(class, (unsigned char)p[i + 1], (unsigned char)p[i + 1]);
            i += 2;
        } else if (i + 2 < size && p[i + 1] == '-') {
            class_add(class, (unsigned char)p[i], (unsigned char)p[i + 2]);
            i += 3;
        } else {
            class_add(class, (unsigned char)p[i], (unsigned char)p[i]);
            i++;
        }
    }
    for (int j = 0; j < 4 && excludes; j++) {
        class[j] = ~class[j];
    }
    return i < size ? i + 1 : size;
}

// ---- compiling ----

struct glob_counts {
    size_t elements, classes, segments;
};

// Count, or with glob->bytes also write, what the pattern has.
static struct glob_counts read_pattern(struct glob *glob, struct bytes pattern)
{
    struct glob_counts counts = {.segments = 1};
    bool writes = glob->bytes != NULL;
    uint64_t unwritten[4];
    if (writes) {
        glob->segments[0] = (struct glob_segment){.is_literal = true};
    }
    for (size_t at = 0; at < pattern.size;) {
        char c = pattern.data[at];
        uint32_t kind = KIND_LITERAL;
        if (c == '*') {
            at++;
            if (writes) {
                glob->segments[counts.segments] =
                    (struct glob_segment){.at = counts.elements, .is_literal = true};
            }
            counts.segments++;
            continue;
        }
        if (c == '[') {
            kind = KIND_CLASS + (uint32_t)counts.classes;
            at = read_class(pattern, at, writes ? glob->classes[counts.classes] : unwritten);
            counts.classes++;
        } else {
            at += c == '\\' && at + 1 < pattern.size;
            kind = c == '?' ? KIND_ANY : KIND_LITERAL;
            c = pattern.data[at++];
        }
        if (writes) {
            struct glob_segment *segment = &glob->segments[counts.segments - 1];
            glob->bytes[counts.elements] = c;
            glob->kinds[counts.elements] = kind;
            segment->size++;
            segment->is_literal &= kind == KIND_LITERAL;
        }
        counts.elements++;
    }
    return counts;
}

int glob_compile(struct glob *glob, struct pool *pool, struct bytes pattern)
{
    if (pattern.size > GLOB_PATTERN_MAX) {
        return -E2BIG;
    }
    struct glob counted = {0};
    struct glob_counts counts = read_pattern(&counted, pattern);
    size_t classes_size = counts.classes * sizeof(*counted.classes);
    size_t segments_size = counts.segments * sizeof(*counted.segments);
    size_t kinds_size = counts.elements * sizeof(*counted.kinds);
    size_t memory_size = classes_size + segments_size + kinds_size + counts.elements;
    char *memory = pool_alloc(pool, MEMORY_JOB, memory_size);
    if (memory == NULL) {
        return -ENOMEM;
    }
    *glob = (struct glob){
        .segments = (struct glob_segment *)(void *)(memory + classes_size),
        .segment_count = (uint32_t)counts.segments,
        .bytes = memory + classes_size + segments_size + kinds_size,
        .kinds = (uint32_t *)(void *)(memory + classes_size + segments_size),
        .classes = (uint64_t(*)[4])(void *)memory,
        .memory_size = memory_size,
    };
    (void)read_pattern(glob, pattern);
    return 0;
}

void glob_free(struct glob *glob, struct pool *pool)
{
    if (glob->segments != NULL) {
        pool_free(pool, MEMORY_JOB, glob->classes, glob->memory_size);
        *glob = (struct glob){0};
    }
}

// ---- matching ----

static bool element_matches(const struct glob *glob, size_t element, char c)
{
    uint32_t kind = glob->kinds[element];
    if (kind == KIND_LITERAL) {
        return glob->bytes[element] == c;
    }
    return kind == KIND_ANY || class_has(glob->classes[kind - KIND_CLASS], (unsigned char)c);
}

// Whether a segment matches what is at `text`; how many elements were looked at is added.
static bool segment_matches(const struct glob *glob, const struct glob_segment *segment,
                            const char *text, uint64_t *looked_at)
{
    if (segment->is_literal) {
        *looked_at += segment->size / 8;
        return segment->size == 0 || memcmp(glob->bytes + segment->at, text, segment->size) == 0;
    }
    size_t i = 0;
    while (i < segment->size && element_matches(glob, segment->at + i, text[i])) {
        i++;
    }
    *looked_at += i + 1;
    return i == segment->size;
}

static bool spend(uint64_t *steps, uint64_t spent)
{
    *steps = spent < *steps ? *steps - spent : 0;
    return *steps > 0;
}

// Find a segment in `text`; the place behind it, or -1, in *end_out. False: too long.
static bool find_segment(const struct glob *glob, const struct glob_segment *segment,
                         struct bytes text, uint64_t *steps, ptrdiff_t *end_out)
{
    *end_out = -1;
    if (segment->size > text.size) {
        return true;
    }
    if (segment->size == 0) {
        *end_out = 0;
        return true;
    }
    if (segment->is_literal) {
        const char *found = memmem(text.data, text.size, glob->bytes + segment->at, segment->size);
        *end_out = found == NULL ? -1 : found - text.data + (ptrdiff_t)segment->size;
        return spend(steps, text.size / 4);
    }
    for (size_t at = 0; at + segment->size <= text.size; at++) {
        uint64_t looked_at = 0;
        bool found = segment_matches(glob, segment, text.data + at, &looked_at);
        if (!spend(steps, looked_at)) {
            return false;
        }
        if (found) {
            *end_out = (ptrdiff_t)(at + segment->size);
            return true;
        }
    }
    return true;
}

// What the segments between the first and the last cover, anywhere in `text` in this order.
static enum glob_outcome match_middle(const struct glob *glob, struct bytes text, uint64_t *steps)
{
    for (uint32_t i = 1; i + 1 < glob->segment_count; i++) {
        ptrdiff_t end;
        if (!find_segment(glob, &glob->segments[i], text, steps, &end)) {
            return GLOB_TOO_LONG;
        }
        if (end < 0) {
            return GLOB_DIFFERS;
        }
        text = bytes_make(text.data + end, text.size - (size_t)end);
    }
    return GLOB_MATCHES;
}

enum glob_outcome glob_match(const struct glob *glob, struct bytes text, uint64_t *steps)
{
    const struct glob_segment *first = &glob->segments[0];
    const struct glob_segment *last = &glob->segments[glob->segment_count - 1];
    uint64_t looked_at = 1 + glob->segment_count;
    if (glob->segment_count == 1) {
        bool same = text.size == first->size && segment_matches(glob, first, text.data, &looked_at);
        (void)spend(steps, looked_at);
        return same ? GLOB_MATCHES : GLOB_DIFFERS;
    }
    if (text.size < first->size + last->size ||
        !segment_matches(glob, first, text.data, &looked_at) ||
        !segment_matches(glob, last, text.data + text.size - last->size, &looked_at)) {
        (void)spend(steps, looked_at);
        return GLOB_DIFFERS;
    }
    if (!spend(steps, looked_at)) {
        return GLOB_TOO_LONG;
    }
    struct bytes middle = bytes_make(text.data + first->size, text.size - first->size - last->size);
    return match_middle(glob, middle, steps);
}

// ---- without compiling ----

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool class_has_caseless(const uint64_t class[4], char c, bool excludes)
{
    bool lower = class_has(class, fold(c));
    bool upper = c >= 'a' && c <= 'z' ? class_has(class, (unsigned char)(c - 'a' + 'A'))
                                      : class_has(class, (unsigned char)c);
    return excludes ? lower && upper : lower || upper;
}

/* Match one byte against the element at *at, which is no star, and move *at behind it. */
static bool match_one(struct bytes pattern, size_t *at, char c)
{
    uint64_t class[4];
    bool excludes = *at + 1 < pattern.size && pattern.data[*at + 1] == '^';
    switch (pattern.data[*at]) {
    case '?':
        (*at)++;
        return true;
    case '[':
        *at = read_class(pattern, *at, class);
        return class_has_caseless(class, c, excludes);
    case '\\':
        *at += *at + 1 < pattern.size;
        break;
    default:
        break;
    }
    return fold(pattern.data[(*at)++]) == fold(c);
}

bool glob_matches_caseless(struct bytes pattern, struct bytes text)
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
        if (at < pattern.size && match_one(pattern, &at, text.data[done])) {
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
