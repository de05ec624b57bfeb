/* COMMAND. */
#include "harness.h"
#include "programs/command_table.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

TEST(commands_are_counted_and_listed)
{
    struct harness *h = harness_create();
    char expected[32];
    (void)snprintf(expected, sizeof(expected), ":%u\r\n", command_table.top_count);
    EXPECT(h, "COMMAND COUNT", expected);
    (void)snprintf(expected, sizeof(expected), "*%u\r\n", command_table.top_count);
    ck_assert_int_eq(strncmp(harness_run(h, "COMMAND"), expected, strlen(expected)), 0);
    ck_assert_int_eq(strncmp(harness_run(h, "COMMAND INFO"), expected, strlen(expected)), 0);
    (void)snprintf(expected, sizeof(expected), "*%u\r\n", command_table.count);
    ck_assert_int_eq(strncmp(harness_run(h, "COMMAND LIST"), expected, strlen(expected)), 0);
    EXPECT(h, "COMMAND FOO", "-ERR unknown subcommand 'FOO'. Try COMMAND HELP.\r\n");
    harness_destroy(h);
}

TEST(lists_can_be_filtered)
{
    struct harness *h = harness_create();
    EXPECT(h, "COMMAND LIST FILTERBY PATTERN zr?nk", "*1\r\n$5\r\nzrank\r\n");
    EXPECT(h, "command list filterby pattern CONFIG|g*", "*1\r\n$10\r\nconfig|get\r\n");
    EXPECT(h, "COMMAND LIST FILTERBY MODULE json", "*0\r\n");
    EXPECT(h, "COMMAND LIST FILTERBY ACLCAT nope", "*0\r\n");
    ck_assert_ptr_nonnull(
        strstr(harness_run(h, "COMMAND LIST FILTERBY ACLCAT admin"), "config|get"));
    ck_assert_ptr_null(strstr(harness_run(h, "COMMAND LIST FILTERBY ACLCAT admin"), "zadd"));
    EXPECT(h, "COMMAND LIST FILTERBY", "-ERR syntax error\r\n");
    EXPECT(h, "COMMAND LIST PATTERN x", "-ERR syntax error\r\n");
    EXPECT(h, "COMMAND LIST FILTERBY FOO x", "-ERR syntax error\r\n");
    harness_destroy(h);
}

#define RANGE_SPEC(flags, first, last, step)                                                       \
    "*6\r\n$5\r\nflags\r\n" flags "$12\r\nbegin_search\r\n"                                        \
    "*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:" first "\r\n"         \
    "$9\r\nfind_keys\r\n"                                                                          \
    "*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:" last "\r\n"        \
    "$7\r\nkeystep\r\n:" step "\r\n$5\r\nlimit\r\n:0\r\n"

TEST(info_has_the_ten_fields_of_redis_7)
{
    struct harness *h = harness_create();
    EXPECT(h, "COMMAND INFO get nope",
           "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
           "*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n"
           "*1\r\n" RANGE_SPEC("*2\r\n+RO\r\n+access\r\n", "1", "0", "1") "*0\r\n"
                                                                          "*-1\r\n");
    EXPECT(h, "COMMAND INFO mset",
           "*1\r\n*10\r\n$4\r\nmset\r\n:-3\r\n*2\r\n+write\r\n+denyoom\r\n:1\r\n:-1\r\n:2\r\n"
           "*3\r\n+@write\r\n+@string\r\n+@slow\r\n*0\r\n"
           "*1\r\n" RANGE_SPEC("*2\r\n+OW\r\n+update\r\n", "1", "-1", "2") "*0\r\n");
    harness_destroy(h);
}

TEST(info_shows_subcommands_in_their_container)
{
    struct harness *h = harness_create();
    EXPECT(h, "COMMAND INFO config|get",
           "*1\r\n*10\r\n$10\r\nconfig|get\r\n:-3\r\n"
           "*4\r\n+admin\r\n+noscript\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n"
           "*3\r\n+@admin\r\n+@slow\r\n+@dangerous\r\n*0\r\n*0\r\n*0\r\n");
    const char *config = harness_run(h, "COMMAND INFO CONFIG");
    ck_assert_ptr_eq(strstr(config, "*1\r\n*10\r\n$6\r\nconfig\r\n:-2\r\n"), config);
    ck_assert_ptr_nonnull(strstr(config, "*10\r\n$10\r\nconfig|get\r\n"));
    ck_assert_ptr_nonnull(strstr(config, "*10\r\n$11\r\nconfig|help\r\n"));
    harness_destroy(h);
}

TEST(docs_say_what_the_rows_say)
{
    struct harness *h = harness_create();
    const char *echo = harness_run(h, "COMMAND DOCS echo nope");
    ck_assert_ptr_eq(strstr(echo, "*2\r\n$4\r\necho\r\n"), echo);
    ck_assert_ptr_nonnull(strstr(echo, "$7\r\nsummary\r\n$17\r\nThe message, back\r\n"
                                       "$5\r\nsince\r\n$3\r\n0.1\r\n$5\r\ngroup\r\n"
                                       "$10\r\nconnection\r\n$10\r\ncomplexity\r\n$4\r\nO(1)\r\n"));
    const char *config = harness_run(h, "COMMAND DOCS config");
    ck_assert_ptr_nonnull(strstr(config, "$11\r\nsubcommands\r\n"));
    ck_assert_ptr_nonnull(strstr(config, "$10\r\nconfig|get\r\n"));
    const char *get = harness_run(h, "COMMAND DOCS config|get");
    ck_assert_ptr_eq(strstr(get, "*2\r\n$10\r\nconfig|get\r\n"), get);
    char expected[32];
    (void)snprintf(expected, sizeof(expected), "*%u\r\n", 2 * command_table.top_count);
    ck_assert_int_eq(strncmp(harness_run(h, "COMMAND DOCS"), expected, strlen(expected)), 0);
    harness_destroy(h);
}

// What is asked for in an argument, "name(child child)", with the signs of flags behind: ?*.
struct outline {
    char text[512];
    size_t size;
};

static void add(struct outline *outline, const char *text)
{
    int size =
        snprintf(outline->text + outline->size, sizeof(outline->text) - outline->size, "%s", text);
    outline->size += (size_t)size;
    ck_assert_uint_lt(outline->size, sizeof(outline->text));
}

static const char *outline_of(const char *name)
{
    static struct outline outline;
    const struct command *command = command_find_full(&command_table, bytes_of_string(name));
    const struct command_argument *argument = command->arguments;
    uint32_t open[8] = {command->argument_count};
    int depth = 0;
    outline = (struct outline){.size = 0};
    while (depth >= 0) {
        if (open[depth] == 0) {
            depth--;
            add(&outline, depth >= 0 ? ")" : "");
            continue;
        }
        open[depth]--;
        add(&outline, outline.size == 0 || outline.text[outline.size - 1] == '(' ? "" : " ");
        add(&outline, argument->is_optional ? "?" : "");
        add(&outline, argument->is_multiple ? "*" : "");
        if (argument->token != NULL) {
            add(&outline, argument->token);
            add(&outline, argument->type == ARGUMENT_TOKEN ? "" : ":");
        }
        add(&outline, argument->type == ARGUMENT_TOKEN ? "" : argument->name);
        if (argument->children > 0) {
            add(&outline, argument->type == ARGUMENT_ONEOF ? "|(" : "(");
            open[++depth] = argument->children;
        }
        argument++;
    }
    return outline.text;
}

TEST(arguments_follow_from_the_usage)
{
    ck_assert_str_eq(outline_of("get"), "key");
    ck_assert_str_eq(outline_of("mget"), "*key");
    ck_assert_str_eq(outline_of("mset"), "*key-value(key value)");
    ck_assert_str_eq(outline_of("flushall"), "?async-or-sync|(ASYNC SYNC)");
    ck_assert_str_eq(outline_of("zrank"), "key member ?WITHSCORE");
    ck_assert_str_eq(outline_of("info"), "?*section");
    ck_assert_str_eq(outline_of("scan"), "cursor ?MATCH:pattern ?COUNT:count ?TYPE:type");
    ck_assert_str_eq(outline_of("zrange"), "key start stop ?byscore-or-bylex|(BYSCORE BYLEX) ?REV "
                                           "?LIMIT:limit(offset count) ?WITHSCORES");
    ck_assert_str_eq(outline_of("zadd"), "key ?nx-or-xx|(NX XX) ?gt-or-lt|(GT LT) ?CH ?INCR "
                                         "*score-member(score member)");
    ck_assert_str_eq(outline_of("command|list"),
                     "?FILTERBY:module-name-or-category-or-pattern|(MODULE:module-name "
                     "ACLCAT:category PATTERN:pattern)");
}

TEST(docs_describe_arguments_as_redis_does)
{
    struct harness *h = harness_create();
    EXPECT(h, "COMMAND DOCS zrank",
           "*2\r\n$5\r\nzrank\r\n*10\r\n$7\r\nsummary\r\n"
           "$52\r\nA member's place, counted from 0 at the lowest score\r\n"
           "$5\r\nsince\r\n$3\r\n0.1\r\n$5\r\ngroup\r\n$10\r\nsorted-set\r\n"
           "$10\r\ncomplexity\r\n$8\r\nO(log n)\r\n$9\r\narguments\r\n*3\r\n"
           "*6\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n"
           "$14\r\nkey_spec_index\r\n:0\r\n"
           "*4\r\n$4\r\nname\r\n$6\r\nmember\r\n$4\r\ntype\r\n$6\r\nstring\r\n"
           "*8\r\n$4\r\nname\r\n$9\r\nwithscore\r\n$4\r\ntype\r\n$10\r\npure-token\r\n"
           "$5\r\ntoken\r\n$9\r\nWITHSCORE\r\n$5\r\nflags\r\n*1\r\n+optional\r\n");
    harness_destroy(h);
}

TEST(keys_of_a_request_are_told)
{
    struct harness *h = harness_create();
    EXPECT(h, "COMMAND GETKEYS MSET a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    EXPECT(h, "COMMAND GETKEYSANDFLAGS set a 1",
           "*1\r\n*2\r\n$1\r\na\r\n*4\r\n+RW\r\n+access\r\n+update\r\n+variable_flags\r\n");
    EXPECT(h, "COMMAND GETKEYS PING", "-ERR The command has no key arguments\r\n");
    EXPECT(h, "COMMAND GETKEYS NOPE", "-ERR Invalid command specified\r\n");
    EXPECT(h, "COMMAND GETKEYS CONFIG NOPE", "-ERR Invalid command specified\r\n");
    EXPECT(h, "COMMAND GETKEYS CONFIG GET x", "-ERR The command has no key arguments\r\n");
    EXPECT(h, "COMMAND GETKEYS GET", "-ERR Invalid number of arguments specified for command\r\n");
    harness_destroy(h);
}
