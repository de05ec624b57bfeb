/* LCS of random strings, against the table of lengths that Redis makes. */
#include "harness.h"
#include "seed.h"
#include "unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 1500, LENGTH_MAX = 200, TEXT_MAX = 65536 };

struct text {
    char data[TEXT_MAX];
    size_t size;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text->size +=
        (size_t)vsnprintf(text->data + text->size, sizeof(text->data) - text->size, format, args);
    va_end(args);
    ck_assert_uint_lt(text->size, sizeof(text->data));
}

static unsigned lengths[LENGTH_MAX + 1][LENGTH_MAX + 1];

static void fill_table(const char *a, const char *b)
{
    for (size_t i = 1; i <= strlen(a); i++) {
        for (size_t j = 1; j <= strlen(b); j++) {
            unsigned up = lengths[i - 1][j];
            unsigned left = lengths[i][j - 1];
            lengths[i][j] = a[i - 1] == b[j - 1] ? lengths[i - 1][j - 1] + 1
                            : up > left          ? up
                                                 : left;
        }
    }
}

struct expected {
    char common[LENGTH_MAX + 1];
    struct text runs;
    unsigned run_count;
};

static void add_run(struct expected *expected, size_t i, size_t j, size_t length, size_t least)
{
    if (length == 0 || length < least) {
        return;
    }
    expected->run_count++;
    add(&expected->runs, "*3\r\n*2\r\n:%zu\r\n:%zu\r\n*2\r\n:%zu\r\n:%zu\r\n:%zu\r\n", i,
        i + length - 1, j, j + length - 1, length);
}

static void go_back(struct expected *expected, const char *a, const char *b, size_t least)
{
    size_t i = strlen(a);
    size_t j = strlen(b);
    size_t at = lengths[i][j];
    size_t length = 0;
    expected->common[at] = '\0';
    while (i > 0 && j > 0) {
        if (a[i - 1] == b[j - 1]) {
            expected->common[--at] = a[i - 1];
            length++;
            i--;
            j--;
            continue;
        }
        add_run(expected, i, j, length, least);
        length = 0;
        if (lengths[i - 1][j] > lengths[i][j - 1]) {
            i--;
        } else {
            j--;
        }
    }
    add_run(expected, i, j, length, least);
}

static void make_string(struct random *random, char *out, unsigned letters)
{
    size_t size = random_below(random, random_below(random, 3) == 0 ? LENGTH_MAX : 12) + 1;
    for (size_t i = 0; i < size; i++) {
        out[i] = (char)('a' + random_below(random, letters));
    }
    out[size] = '\0';
}

static void check(struct harness *h, struct random *random)
{
    char a[LENGTH_MAX + 1];
    char b[LENGTH_MAX + 1];
    static struct text line;
    static struct text reply;
    static struct expected expected;
    unsigned letters = 1 + (unsigned)random_below(random, 20);
    size_t least = random_below(random, 4);
    expected.runs.size = 0;
    expected.runs.data[0] = '\0';
    expected.run_count = 0;
    make_string(random, a, letters);
    make_string(random, b, letters);
    fill_table(a, b);
    go_back(&expected, a, b, least);
    line.size = reply.size = 0;
    add(&line, "MSET a %s b %s", a, b);
    EXPECT(h, line.data, "+OK\r\n");
    size_t length = strlen(expected.common);
    add(&reply, "$%zu\r\n%s\r\n", length, expected.common);
    EXPECT(h, "LCS a b", reply.data);
    reply.size = 0;
    add(&reply, ":%zu\r\n", length);
    EXPECT(h, "LCS a b LEN", reply.data);
    reply.size = line.size = 0;
    add(&line, "LCS a b IDX WITHMATCHLEN MINMATCHLEN %zu", least);
    add(&reply, "*4\r\n$7\r\nmatches\r\n*%u\r\n%s$3\r\nlen\r\n:%zu\r\n", expected.run_count,
        expected.runs.data, length);
    EXPECT(h, line.data, reply.data);
}

TEST(subsequences_are_those_that_the_whole_table_gives)
{
    struct random random = seed_random("command/lcs");
    struct harness *h = harness_create();
    for (int round = 0; round < ROUNDS; round++) {
        check(h, &random);
    }
    harness_destroy(h);
}
