#include "command/args.h"

#include "harness.h"
#include "unit.h"

#include <stdio.h>

enum { WORDS_MAX = 16 };

/* Arguments to read, and what was answered. */
struct rig {
    struct harness *h;
    struct call call;
    struct reply reply;
    struct bytes argv[WORDS_MAX];
    char line[256];
    struct args args;
};

static void setup(struct rig *rig, const char *line)
{
    (void)snprintf(rig->line, sizeof(rig->line), "%s", line);
    rig->call = (struct call){.argv = rig->argv, .reply = &rig->reply};
    rig->call.argc = harness_split(rig->line, rig->argv, WORDS_MAX);
    rig->args = args_from(&rig->call, 1);
    rig->h = harness_create();
    ck_assert_str_eq(harness_run(rig->h, "PING"), "+PONG\r\n"); // The sink is open.
    reply_init(&rig->reply, (struct sink *)(void *)rig->h->sink, PROTOCOL_RESP2);
}

static void teardown(struct rig *rig, uint64_t errors)
{
    ck_assert_uint_eq(rig->reply.errors, errors);
    harness_destroy(rig->h);
}

TEST(arguments_come_one_behind_the_other)
{
    struct rig rig;
    int64_t integer;
    double number;
    setup(&rig, "name word -5 2.5 Limit");
    ck_assert_uint_eq(args_left(&rig.args), 4);
    ck_assert(bytes_equal(args_next(&rig.args), BYTES("word")));
    ck_assert(args_integer(&rig.args, &integer));
    ck_assert_int_eq(integer, -5);
    ck_assert(args_double(&rig.args, &number));
    ck_assert(number == 2.5);
    ck_assert(!args_take_word(&rig.args, "COUNT"));
    ck_assert(args_take_word(&rig.args, "LIMIT"));
    ck_assert(!args_take_word(&rig.args, "LIMIT"));
    ck_assert(args_end(&rig.args));
    teardown(&rig, 0);
}

TEST(wrong_numbers_are_answered)
{
    struct rig rig;
    int64_t integer;
    double number;
    setup(&rig, "name x y");
    ck_assert(!args_integer(&rig.args, &integer));
    ck_assert(!args_double(&rig.args, &number));
    ck_assert(!args_integer(&rig.args, &integer)); // Nothing is left.
    ck_assert(!args_double(&rig.args, &number));
    teardown(&rig, 4);
}

TEST(what_is_left_over_is_answered)
{
    struct rig rig;
    setup(&rig, "name x");
    ck_assert(!args_end(&rig.args));
    teardown(&rig, 1);
}

enum { NX = 1 << 0, XX = 1 << 1, EX = 1 << 2, LIMIT = 1 << 15 };

static const struct args_option table[] = {
    {"NX", .flag = NX, .excludes = XX},
    {"XX", .flag = XX, .excludes = NX | XX},
    {"EX", .flag = EX, .values = 1},
    {"LIMIT", .flag = LIMIT, .values = 2, .are_integers = true},
};

static bool read_options(struct rig *rig, const char *line, struct args_found *found)
{
    setup(rig, line);
    return args_options(&rig->args, table, 4, found);
}

TEST(options_are_read_in_any_order_and_case)
{
    struct rig rig;
    struct args_found found;
    ck_assert(read_options(&rig, "name limit 1 -2 nx EX foo", &found));
    ck_assert_uint_eq(found.flags, LIMIT | NX | EX);
    ck_assert_uint_eq(args_value_at(&found, LIMIT), 2);
    ck_assert_uint_eq(args_value_at(&found, EX), 6);
    ck_assert(args_end(&rig.args));
    teardown(&rig, 0);
}

TEST(no_options_are_fine)
{
    struct rig rig;
    struct args_found found;
    ck_assert(read_options(&rig, "name", &found));
    ck_assert_uint_eq(found.flags, 0);
    teardown(&rig, 0);
}

TEST(the_last_of_two_counts)
{
    struct rig rig;
    struct args_found found;
    ck_assert(read_options(&rig, "name EX 1 NX NX EX 2", &found));
    ck_assert_uint_eq(found.flags, NX | EX);
    ck_assert_uint_eq(args_value_at(&found, EX), 6);
    teardown(&rig, 0);
}

TEST(reading_ends_at_what_is_no_option)
{
    struct rig rig;
    struct args_found found;
    ck_assert(read_options(&rig, "name NX 1 EX 2", &found));
    ck_assert_uint_eq(found.flags, NX);
    ck_assert_uint_eq(args_left(&rig.args), 3);
    teardown(&rig, 0);
}

TEST(options_that_do_not_go_together_are_answered)
{
    static const char *const lines[] = {
        "name NX XX",      "name XX NX",       "name XX xx",      "name EX",
        "name NX LIMIT 1", "name LIMIT 1 two", "name EX 1 LIMIT",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct rig rig;
        struct args_found found;
        ck_assert_msg(!read_options(&rig, lines[i], &found), "%s", lines[i]);
        teardown(&rig, 1);
    }
}
