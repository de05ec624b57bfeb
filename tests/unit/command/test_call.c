/* Lookup, dispatch, and the commands that are about commands. */
#include "base/pool_internal.h"
#include "harness.h"
#include "programs/command_table.h"
#include "unit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TEST(every_command_is_found_in_any_case)
{
    for (size_t i = 0; i < command_table.count; i++) {
        const struct command *command = &command_table.rows[i];
        char name[32];
        size_t size = strlen(command->name);
        ck_assert_uint_lt(size, sizeof(name));
        ck_assert_uint_eq(command->index, i);
        ck_assert_ptr_eq(command_find(&command_table, bytes_of_string(command->name)), command);
        for (size_t j = 0; j < size; j++) {
            name[j] = (char)(j % 2 == 0 ? tolower(command->name[j]) : command->name[j]);
        }
        ck_assert_ptr_eq(command_find(&command_table, bytes_make(name, size)), command);
    }
}

TEST(no_other_name_is_found)
{
    const struct bytes names[] = {
        BYTES(""),
        BYTES("G"),
        BYTES("GE"),
        BYTES("GETT"),
        BYTES("GET\0"),
        BYTES("\0GET"),
        BYTES("GE\x14"),
        BYTES("ZRANGEBYLEX"),
        BYTES("PEXPIRETIMEX"),
        BYTES("\xc7\xc5\xd4"),
        BYTES("PEXPIRETIM\0"),
        BYTES("GET "),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_ptr_null(command_find(&command_table, names[i]));
    }
    // One byte changed at a time: nothing else folds to a command's name.
    for (size_t i = 0; i < command_table.count; i++) {
        char name[32];
        size_t size = strlen(command_table.rows[i].name);
        memcpy(name, command_table.rows[i].name, size);
        for (size_t j = 0; j < size; j++) {
            for (int c = 0; c < 256; c++) {
                name[j] = (char)c;
                const struct command *found = command_find(&command_table, bytes_make(name, size));
                ck_assert(found == NULL || bytes_is_word(bytes_make(name, size), found->name));
            }
            name[j] = command_table.rows[i].name[j];
        }
    }
}

TEST(keys_are_where_the_table_says)
{
    ck_assert_uint_eq(command_key_count(command_find(&command_table, BYTES("GET")), 2), 1);
    ck_assert_uint_eq(command_key_count(command_find(&command_table, BYTES("ZADD")), 10), 1);
    ck_assert_uint_eq(command_key_count(command_find(&command_table, BYTES("MGET")), 4), 3);
    ck_assert_uint_eq(command_key_count(command_find(&command_table, BYTES("MSET")), 5), 2);
    ck_assert_uint_eq(command_key_count(command_find(&command_table, BYTES("MSET")), 4), 2);
    ck_assert_uint_eq(command_key_count(command_find(&command_table, BYTES("PING")), 1), 0);
}

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

// Each command with every number of arguments that its arity forbids, up to a few too many.
TEST(every_command_checks_its_arity)
{
    struct harness *h = harness_create();
    for (size_t i = 0; i < command_table.count; i++) {
        const struct command *command = &command_table.rows[i];
        for (uint32_t argc = 1; argc < 8; argc++) {
            struct bytes argv[8] = {bytes_of_string(command->name),
                                    BYTES("a"),
                                    BYTES("b"),
                                    BYTES("c"),
                                    BYTES("d"),
                                    BYTES("e"),
                                    BYTES("f"),
                                    BYTES("g")};
            struct bytes reply;
            if (argc >= command->argc_min && argc <= command->argc_max) {
                continue;
            }
            static const char start[] = "-ERR wrong number of arguments for '";
            ck_assert_int_eq(harness_try(h, argv, argc, &reply), CALL_DONE);
            ck_assert_uint_gt(reply.size, sizeof(start));
            ck_assert_mem_eq(reply.data, start, sizeof(start) - 1);
        }
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
        chunk_unborrow(&depot->chunks, chunks[--count]);
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
    EXPECT(h, "CONFIG GET", "-ERR wrong number of arguments for 'config|get' command\r\n");
    EXPECT(h, "CONFIG FOO x", "-ERR unknown subcommand 'FOO'. Try CONFIG HELP.\r\n");
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

TEST(programs_can_ask_about_commands)
{
    struct harness *h = harness_create();
    char expected[32];
    (void)snprintf(expected, sizeof(expected), ":%u\r\n", command_table.count);
    EXPECT(h, "COMMAND COUNT", expected);
    EXPECT(h, "COMMAND INFO get nope",
           "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
           "*0\r\n*0\r\n*0\r\n*0\r\n*-1\r\n");
    EXPECT(h, "COMMAND DOCS echo nope",
           "*2\r\n$4\r\necho\r\n*8\r\n$7\r\nsummary\r\n$17\r\nThe message, back\r\n"
           "$5\r\nsince\r\n$3\r\n0.1\r\n$5\r\ngroup\r\n$10\r\nconnection\r\n"
           "$10\r\ncomplexity\r\n$4\r\nO(1)\r\n");
    EXPECT(h, "COMMAND GETKEYS MSET a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    EXPECT(h, "COMMAND GETKEYS PING", "-ERR The command has no key arguments\r\n");
    EXPECT(h, "COMMAND GETKEYS NOPE", "-ERR Invalid command specified\r\n");
    EXPECT(h, "COMMAND GETKEYS GET", "-ERR Invalid number of arguments specified for command\r\n");
    EXPECT(h, "COMMAND FOO", "-ERR unknown subcommand 'FOO'. Try COMMAND HELP.\r\n");
    (void)snprintf(expected, sizeof(expected), "*%u\r\n", command_table.count);
    ck_assert_int_eq(strncmp(harness_run(h, "COMMAND"), expected, strlen(expected)), 0);
    ck_assert_int_eq(strncmp(harness_run(h, "COMMAND LIST"), expected, strlen(expected)), 0);
    harness_destroy(h);
}

TEST(people_can_ask_for_help)
{
    struct harness *h = harness_create();
    const char *help = harness_run(h, "HELP");
    for (size_t i = 0; i < command_table.count; i++) {
        ck_assert_ptr_nonnull(strstr(help, command_table.rows[i].name));
    }
    EXPECT(
        h, "HELP echo",
        "$73\r\nECHO message\nThe message, back.\nCost: O(1). Group: connection. Since 0.1.\r\n");
    EXPECT(h, "HELP nope", "-ERR no such command 'nope'; HELP lists all\r\n");
    for (size_t i = 0; i < command_table.count; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "HELP %s", command_table.rows[i].name);
        ck_assert_int_eq(harness_run(h, line)[0], '$');
    }
    harness_destroy(h);
}
