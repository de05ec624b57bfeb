#include "base/option.h"
#include "unit.h"

#include <string.h>

static uint64_t size_of(const char *text)
{
    uint64_t bytes = 0;
    ck_assert_msg(option_parse_size(bytes_of_string(text), &bytes), "%s", text);
    return bytes;
}

TEST(sizes_have_the_units_of_redis)
{
    ck_assert_uint_eq(size_of("0"), 0);
    ck_assert_uint_eq(size_of("100"), 100);
    ck_assert_uint_eq(size_of("7b"), 7);
    ck_assert_uint_eq(size_of("1k"), 1000);
    ck_assert_uint_eq(size_of("1kb"), 1024);
    ck_assert_uint_eq(size_of("2M"), 2000000);
    ck_assert_uint_eq(size_of("2Mb"), 2 << 20);
    ck_assert_uint_eq(size_of("3GB"), UINT64_C(3) << 30);
    ck_assert_uint_eq(size_of("8388607tb"), UINT64_C(8388607) << 40);
}

TEST(what_is_no_size_is_refused)
{
    static const char *const wrong[] = {"",
                                        "k",
                                        "-1",
                                        "1.5gb",
                                        "1 kb",
                                        "1kib",
                                        "1kx",
                                        "kb1",
                                        "0x10",
                                        "8388608tb",
                                        "99999999999999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t bytes = 7;
        ck_assert_msg(!option_parse_size(bytes_of_string(wrong[i]), &bytes), "%s", wrong[i]);
        ck_assert_uint_eq(bytes, 7);
    }
}

struct settings {
    option_value number, size, word;
    char path[8];
};

static const char *const words[] = {"low", "high", NULL};

static const struct option rows[] = {
    {"number", "N", "1", "", OPTION_NUMBER, .is_live = true, .min = 1, .max = 9,
     OPTION_FIELD(struct settings, number)},
    {"size", "BYTES", "1k", "", OPTION_SIZE, .is_live = true, .max = 4096,
     OPTION_FIELD(struct settings, size)},
    {"word", "low|high", "low", "", OPTION_WORD, .words = words,
     OPTION_FIELD(struct settings, word)},
    {"path", "PATH", "none", "", OPTION_PATH, OPTION_FIELD(struct settings, path)},
};

static const struct option_group group = {rows, sizeof(rows) / sizeof(rows[0])};

static const struct option *row(const char *name)
{
    const struct option *option = option_find(&group, bytes_of_string(name));
    ck_assert_ptr_nonnull(option);
    return option;
}

TEST(names_are_found_in_any_case)
{
    ck_assert_ptr_eq(row("number"), &rows[0]);
    ck_assert_ptr_eq(row("PATH"), &rows[3]);
    ck_assert_ptr_null(option_find(&group, bytes_of_string("numbers")));
    ck_assert_ptr_null(option_find(&group, bytes_of_string("")));
}

TEST(what_is_printed_reads_the_same)
{
    static const char *const texts[][3] = {
        {"number", "9", "9"},
        {"size", "2kb", "2048"},
        {"word", "HIGH", "high"},
        {"path", "a/b", "a/b"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct settings settings = {0};
        struct settings other = {0};
        char error[OPTION_ERROR_MAX];
        char text[OPTION_TEXT_MAX];
        const struct option *option = row(texts[i][0]);
        ck_assert(option_parse(option, &settings, texts[i][1], error));
        option_print(option, &settings, text);
        ck_assert_str_eq(text, texts[i][2]);
        option_copy(option, &other, &settings);
        option_print(option, &other, text);
        ck_assert_str_eq(text, texts[i][2]);
    }
}

static void refused(const char *name, const char *text, const char *expected)
{
    struct settings settings = {0};
    char error[OPTION_ERROR_MAX] = "";
    ck_assert(!option_parse(row(name), &settings, text, error));
    ck_assert_str_eq(error, expected);
}

TEST(what_is_wrong_is_said_in_redis_words)
{
    refused("number", "x", "argument couldn't be parsed into an integer");
    refused("number", "-1", "argument couldn't be parsed into an integer");
    refused("number", "0", "argument must be between 1 and 9 inclusive");
    refused("number", "10", "argument must be between 1 and 9 inclusive");
    refused("size", "5kb", "argument must be between 0 and 4096 inclusive");
    refused("size", "5x", "argument must be a memory value");
    refused("word", "middle", "argument(s) must be one of the following: low, high");
    refused("path", "", "argument must be a path of at most 7 bytes");
    refused("path", "12345678", "argument must be a path of at most 7 bytes");
}
