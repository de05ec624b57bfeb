/* Dispatch. */
#include "base/pool_internal.h"
#include "command/lookup_internal.h"
#include "harness.h"
#include "programs/command_table.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TEST(unknown_commands_and_wrong_arity_are_told)
{
    struct harness *h = harness_create();
    EXPECT(h, "FOO", "-ERR unknown command 'FOO', with args beginning with: \r\n");
    EXPECT(h, "FOO a \"b c\"",
           "-ERR unknown command 'FOO', with args beginning with: 'a' 'b c' \r\n");
    EXPECT(h, "GET", "-ERR wrong number of arguments for 'get' command\r\n");
    EXPECT(h, "get a b", "-ERR wrong number of arguments for 'get' command\r\n");
    EXPECT(h, "PING a b", "-ERR wrong number of arguments for 'ping' command\r\n");
    EXPECT(h, "ZADD k 1", "-ERR wrong number of arguments for 'zadd' command\r\n");
    harness_destroy(h);
}

static bool has_subcommand_alone(const struct command *container)
{
    for (uint32_t i = 1; i <= container->subcommands; i++) {
        if ((container[i].flags & COMMAND_ALONE) != 0) {
            return true;
        }
    }
    return false;
}

static void check_arity(struct harness *h, const struct command *command)
{
    char expected[128];
    uint32_t words = command->container == NULL ? 1 : 2;
    for (uint32_t argc = words; argc < 8; argc++) {
        struct bytes argv[8];
        struct bytes reply;
        for (uint32_t i = 0; i < argc; i++) {
            argv[i] = BYTES("a");
        }
        argv[0] = bytes_of_string(words == 2 ? command->container->word : command->word);
        argv[words - 1] = bytes_of_string(command->word);
        bool fits = argc >= command->argc_min && argc <= command->argc_max;
        if (fits || (command_is_container(command) &&
                     (argc >= command->argc_min || has_subcommand_alone(command)))) {
            continue;
        }
        int length = snprintf(expected, sizeof(expected),
                              "-ERR wrong number of arguments for '%s' command\r\n", command->name);
        ck_assert_int_eq(harness_try(h, argv, argc, &reply), CALL_DONE);
        ck_assert_uint_eq(reply.size, (size_t)length);
        ck_assert_mem_eq(reply.data, expected, (size_t)length);
    }
}

// With every number of arguments that its arity forbids, up to a few too many.
TEST(every_command_checks_its_arity)
{
    struct harness *h = harness_create();
    for (size_t i = 0; i < command_table.count; i++) {
        check_arity(h, &command_table.rows[i]);
    }
    harness_destroy(h);
}

TEST(long_unknown_commands_are_cut)
{
    struct harness *h = harness_create();
    char name[5000];
    struct bytes reply;
    memset(name, 'x', sizeof(name));
    const struct bytes argv[] = {bytes_make(name, sizeof(name)), bytes_make(name, sizeof(name)),
                                 bytes_make(name, sizeof(name))};
    ck_assert_int_eq(harness_try(h, argv, 3, &reply), CALL_DONE);
    ck_assert_uint_lt(reply.size, 600);
    ck_assert_int_eq(reply.data[reply.size - 1], '\n');
    harness_destroy(h);
}

TEST(busy_shards_make_the_call_wait)
{
    struct harness *h = harness_create();
    const struct bytes argv[] = {BYTES("MSET"), BYTES("a"), BYTES("1"), BYTES("b"), BYTES("2")};
    struct bytes reply;
    uint32_t shard = keyspace_shard(h->keyspace, keyspace_key(h->keyspace, BYTES("b")).hash);
    struct access access = {0};
    access_open(&access, h->keyspace, h->thread, 0, h->context.now_ms);
    access_lock_wait(&access, shard);
    ck_assert_int_eq(harness_try(h, argv, 5, &reply), CALL_WAITS);
    ck_assert(!h->woken);
    access_unlock(&access, &shard, 1);
    ck_assert(h->woken);
    EXPECT(h, "EXISTS a b", ":0\r\n");
    ck_assert_int_eq(harness_try(h, argv, 5, &reply), CALL_DONE);
    EXPECT(h, "MGET a b", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    harness_destroy(h);
}

TEST(who_stores_waits_while_memory_is_short)
{
    struct harness *h = harness_create();
    struct depot *depot = keyspace_depot(h->keyspace);
    const struct bytes set[] = {BYTES("SET"), BYTES("a"), BYTES("1")};
    struct bytes reply;
    void *chunks[SPARE_CHUNKS];
    unsigned count = 0;
    depot_upkeep(depot);
    while (!depot_is_short(depot)) {
        ck_assert_uint_lt(count, SPARE_CHUNKS);
        chunks[count++] = chunk_borrow(&depot->chunks);
    }
    ck_assert_int_eq(harness_try(h, set, 3, &reply), CALL_WAITS);
    ck_assert(!h->woken);
    EXPECT(h, "GET a", "$-1\r\n"); // Others go on.
    EXPECT(h, "DEL a", ":0\r\n");
    depot_upkeep(depot);
    ck_assert(h->woken);
    ck_assert_int_eq(harness_try(h, set, 3, &reply), CALL_DONE);
    EXPECT(h, "GET a", "$1\r\n1\r\n");
    while (count > 0) {
        ck_assert(chunk_unborrow(&depot->chunks, chunks[--count]));
    }
    harness_destroy(h);
}

// Locks that were left behind would make the second round wait.
TEST(every_lock_is_released)
{
    struct harness *h = harness_create();
    for (int round = 0; round < 2; round++) {
        EXPECT(h, "MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9 a 1 b 2", "+OK\r\n");
        EXPECT(h, "DEL a b c d e f g h i a b", ":9\r\n");
        EXPECT(h, "SET a x", "+OK\r\n");
        EXPECT(h, "INCR a", "-ERR value is not an integer or out of range\r\n");
        EXPECT(h, "DEL a", ":1\r\n");
    }
    harness_destroy(h);
}

TEST(select_counts_for_what_was_prepared_before)
{
    struct harness *h = harness_create();
    struct reply reply;
    struct call select;
    struct call get;
    const struct bytes select_argv[] = {BYTES("SELECT"), BYTES("2")};
    const struct bytes dbsize_argv[] = {BYTES("SET"), BYTES("k"), BYTES("v")};
    EXPECT(h, "PING", "+PONG\r\n");
    reply_init(&reply, (struct sink *)(void *)h->sink, PROTOCOL_RESP2);
    call_prepare(&select, &h->context, &h->session, select_argv, 2);
    call_prepare(&get, &h->context, &h->session, dbsize_argv, 3);
    ck_assert_int_eq(call_execute(&select, &reply, &h->waiter), CALL_DONE);
    ck_assert_int_eq(call_execute(&get, &reply, &h->waiter), CALL_DONE);
    call_release(&get, &h->context);
    EXPECT(h, "DBSIZE", ":1\r\n");
    EXPECT(h, "SELECT 0", "+OK\r\n");
    EXPECT(h, "DBSIZE", ":0\r\n");
    harness_destroy(h);
}

TEST(lookups_are_counted_for_commands_that_read)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k v", "+OK\r\n");
    EXPECT(h, "GET k", "$1\r\nv\r\n");
    EXPECT(h, "MGET k x", "*2\r\n$1\r\nv\r\n$-1\r\n");
    EXPECT(h, "DEL y", ":0\r\n");
    EXPECT(h, "INCR n", ":1\r\n");
    struct store_statistics statistics = keyspace_statistics(h->keyspace);
    ck_assert_uint_eq(statistics.hits, 2);
    ck_assert_uint_eq(statistics.misses, 1);
    harness_destroy(h);
}

TEST(the_connection_answers_for_itself)
{
    struct harness *h = harness_create();
    EXPECT(h, "PING", "+PONG\r\n");
    EXPECT(h, "PING \"a b\"", "$3\r\na b\r\n");
    EXPECT(h, "ECHO hi", "$2\r\nhi\r\n");
    ck_assert(!h->session.closes);
    EXPECT(h, "QUIT", "+OK\r\n");
    ck_assert(h->session.closes);
    harness_destroy(h);
}

TEST(wrong_subcommands_are_answered)
{
    struct harness *h = harness_create();
    EXPECT(h, "CONFIG", "-ERR wrong number of arguments for 'config' command\r\n");
    EXPECT(h, "CONFIG GET", "-ERR wrong number of arguments for 'config|get' command\r\n");
    EXPECT(h, "CONFIG FOO x", "-ERR unknown subcommand 'FOO'. Try CONFIG HELP.\r\n");
    EXPECT(h, "config \"\"", "-ERR unknown subcommand ''. Try CONFIG HELP.\r\n");
    EXPECT(h, "CONFIG|GET x",
           "-ERR unknown command 'CONFIG|GET', with args beginning with: 'x' \r\n");
    EXPECT(h, "CLIENT SETNAME", "-ERR wrong number of arguments for 'client|setname' command\r\n");
    harness_destroy(h);
}

TEST(containers_tell_their_subcommands)
{
    struct harness *h = harness_create();
    EXPECT(h, "config help",
           "*11\r\n+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n"
           "+GET pattern [pattern ...]\r\n"
           "+    The settings whose names match a pattern, with their values.\r\n"
           "+RESETSTAT\r\n+    Begin the counts of INFO at zero again.\r\n"
           "+REWRITE\r\n"
           "+    Write the settings to the configuration file, of which there is none.\r\n"
           "+SET parameter value [parameter value ...]\r\n"
           "+    Change settings while the server runs, all or none.\r\n"
           "+HELP\r\n+    Print this help.\r\n");
    EXPECT(h, "CONFIG HELP x", "-ERR wrong number of arguments for 'config|help' command\r\n");
    harness_destroy(h);
}

// ---- MULTI ----

#define REFUSED "-ERR not executed, as the MULTI before it was refused\r\n"

TEST(nothing_of_a_transaction_is_done)
{
    struct harness *h = harness_create();
    EXPECT(h, "SET k 1", "+OK\r\n");
    EXPECT(h, "MULTI",
           "-ERR transactions are not supported; commands up to EXEC or DISCARD are "
           "refused\r\n");
    EXPECT(h, "SET k 2", REFUSED);
    EXPECT(h, "FLUSHALL", REFUSED);
    EXPECT(h, "CONFIG GET x", REFUSED);
    EXPECT(h, "GET", "-ERR wrong number of arguments for 'get' command\r\n");
    EXPECT(h, "NOPE", "-ERR unknown command 'NOPE', with args beginning with: \r\n");
    EXPECT(h, "MULTI", "-ERR MULTI calls can not be nested\r\n");
    EXPECT(h, "EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    EXPECT(h, "GET k", "$1\r\n1\r\n");
    harness_destroy(h);
}

TEST(a_transaction_can_be_discarded_or_the_connection_closed)
{
    struct harness *h = harness_create();
    EXPECT(h, "EXEC", "-ERR EXEC without MULTI\r\n");
    EXPECT(h, "DISCARD", "-ERR DISCARD without MULTI\r\n");
    ck_assert_int_eq(harness_run(h, "MULTI")[0], '-');
    EXPECT(h, "DISCARD", "+OK\r\n");
    EXPECT(h, "PING", "+PONG\r\n");
    ck_assert_int_eq(harness_run(h, "MULTI")[0], '-');
    EXPECT(h, "PING", REFUSED);
    EXPECT(h, "QUIT", "+OK\r\n");
    harness_destroy(h);
}

// ---- keys ----

static void nothing(struct call *call)
{
    reply_integer(call->reply, call->key_count);
}

static const struct command counted = {
    .name = "counted",
    .word = "counted",
    .handler = nothing,
    .argc_min = 2,
    .argc_max = UINT32_MAX,
    .spec_count = 2,
    .key_specs = {{.kind = KEYS_COUNTED, .count_kind = KEY_COUNT_OF_SETS, .from = 2, .step = 1},
                  {.from = 1, .step = 1}},
};

static const char *run_counted(struct harness *h, const char *line)
{
    // A table of one command, found in whatever slot.
    static const uint16_t slots[] = {1, 1};
    const uint64_t words[] = {lookup_word(BYTES("counted"))};
    const struct command_table table = {
        .rows = &counted,
        .count = 1,
        .lookup_shift = 63,
        .lookup_multiplier = 1,
        .slots = slots,
        .words = words,
    };
    const struct command_table *before = h->context.commands;
    h->context.commands = &table;
    const char *reply = harness_run(h, line);
    h->context.commands = before;
    return reply;
}

TEST(a_wrong_count_of_keys_is_answered_and_nothing_is_run)
{
    struct harness *h = harness_create();
    ck_assert_str_eq(run_counted(h, "counted to 3 a b c"), ":4\r\n");
    ck_assert_str_eq(run_counted(h, "counted to 1 a b c"), ":2\r\n");
    ck_assert_str_eq(run_counted(h, "counted to 4 a b c"), "-ERR syntax error\r\n");
    ck_assert_str_eq(run_counted(h, "counted to x a"),
                     "-ERR value is not an integer or out of range\r\n");
    ck_assert_str_eq(run_counted(h, "counted to 0 a"),
                     "-ERR at least 1 input key is needed for 'counted' command\r\n");
    ck_assert_str_eq(run_counted(h, "counted to -1 a"),
                     "-ERR at least 1 input key is needed for 'counted' command\r\n");
    ck_assert_str_eq(run_counted(h, "counted to"),
                     "-ERR value is not an integer or out of range\r\n");
    harness_destroy(h);
}

TEST(time_is_seconds_and_microseconds)
{
    struct harness *h = harness_create();
    const char *reply = harness_run(h, "TIME");
    ck_assert_int_eq(strncmp(reply, "*2\r\n$10\r\n", 9), 0);
    char *end;
    ck_assert_uint_gt(strtoull(reply + 9, &end, 10), 1700000000);
    ck_assert_int_eq(strncmp(end, "\r\n$", 3), 0);
    end = strstr(end + 3, "\r\n");
    ck_assert_ptr_nonnull(end);
    ck_assert_uint_lt(strtoull(end + 2, NULL, 10), 1000000);
    harness_destroy(h);
}
