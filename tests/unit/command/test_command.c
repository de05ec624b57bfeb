/* The table of commands: lookup, and what holds for every row. */
#include "command/command.h"
#include "programs/command_table.h"
#include "unit.h"

#include <ctype.h>
#include <string.h>

TEST(every_command_is_found_in_any_case)
{
    for (size_t i = 0; i < command_table.count; i++) {
        const struct command *command = &command_table.rows[i];
        char name[32];
        size_t size = strlen(command->name);
        ck_assert_uint_lt(size, sizeof(name));
        ck_assert_uint_eq(command->index, i);
        ck_assert_ptr_eq(command_find_full(&command_table, bytes_of_string(command->name)),
                         command);
        for (size_t j = 0; j < size; j++) {
            name[j] = (char)(j % 2 == 0 ? toupper(command->name[j]) : command->name[j]);
        }
        ck_assert_ptr_eq(command_find_full(&command_table, bytes_make(name, size)), command);
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
        BYTES("CONFIG|GET"),
        BYTES("GETKEYSANDFLAGS"),
        BYTES("SETINFO"),
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
                ck_assert(found == NULL ||
                          bytes_is_lower_word(bytes_make(name, size), found->name));
            }
            name[j] = command_table.rows[i].name[j];
        }
    }
}

static const struct command *find(const char *name)
{
    return command_find(&command_table, bytes_of_string(name));
}

static const struct command *find_in(const char *container, struct bytes word)
{
    return command_find_subcommand(&command_table, find(container), word);
}

TEST(subcommands_belong_to_their_container)
{
    ck_assert_str_eq(find_in("config", BYTES("GeT"))->name, "config|get");
    ck_assert_str_eq(find_in("client", BYTES("setname"))->name, "client|setname");
    ck_assert_str_eq(find_in("command", BYTES("GETKEYSANDFLAGS"))->name, "command|getkeysandflags");
    ck_assert_ptr_null(find_in("config", BYTES("setname")));
    ck_assert_ptr_null(find_in("command", BYTES("getkeysandflagx")));
    ck_assert_ptr_null(find_in("config", BYTES("")));
    ck_assert_ptr_null(find_in("config", BYTES("get\0")));
    ck_assert_ptr_null(find_in("config", BYTES("config|get")));
    ck_assert_ptr_null(find_in("config", BYTES("config")));
}

// A client may send any eight bytes as a name, also the word that stands for a subcommand.
TEST(no_bytes_reach_a_subcommand_as_a_command)
{
    for (uint32_t i = 0; i < command_table.count; i++) {
        if (command_table.rows[i].container != NULL) {
            uint64_t word = command_table.words[i];
            ck_assert_ptr_null(
                command_find(&command_table, bytes_make((const char *)&word, sizeof(word))));
        }
    }
}

TEST(words_of_a_request_lead_to_its_command)
{
    const struct bytes get[] = {BYTES("GET"), BYTES("config")};
    const struct bytes config[] = {BYTES("config"), BYTES("get"), BYTES("x")};
    ck_assert_str_eq(command_find_words(&command_table, get, 2)->name, "get");
    ck_assert_str_eq(command_find_words(&command_table, config, 3)->name, "config|get");
    ck_assert_str_eq(command_find_words(&command_table, config, 1)->name, "config");
    ck_assert_ptr_null(command_find_words(&command_table, config, 0));
    ck_assert_ptr_null(command_find_words(&command_table, config + 2, 1));
}

// ---- rows ----

TEST(every_row_is_documented)
{
    for (uint32_t i = 0; i < command_table.count; i++) {
        const struct command *command = &command_table.rows[i];
        ck_assert_uint_gt(strlen(command->summary), 0);
        ck_assert_int_ne(command->summary[strlen(command->summary) - 1], '.');
        ck_assert_uint_gt(strlen(command->complexity), 0);
        ck_assert_uint_gt(strlen(command->since), 0);
        ck_assert_ptr_nonnull(command->usage);
        for (const char *c = command->name; *c != '\0'; c++) {
            ck_assert(islower(*c) || isdigit(*c) || *c == '|' || *c == '-' || *c == '_');
        }
    }
}

TEST(subcommands_stand_behind_their_container)
{
    uint32_t top = 0;
    for (uint32_t i = 0; i < command_table.count;) {
        const struct command *command = &command_table.rows[i++];
        ck_assert_ptr_null(command->container);
        ck_assert_int_eq(command_is_container(command), command->subcommands > 0);
        for (uint32_t j = 0; j < command->subcommands; j++) {
            ck_assert_ptr_eq(command_table.rows[i++].container, command);
        }
        top++;
    }
    ck_assert_uint_eq(top, command_table.top_count);
}

TEST(keys_are_read_or_written_as_the_command_says)
{
    for (uint32_t i = 0; i < command_table.count; i++) {
        const struct command *command = &command_table.rows[i];
        for (uint32_t j = 0; j < command->spec_count; j++) {
            uint32_t access = command->key_specs[j].access;
            uint32_t kinds = access & (KEY_RO | KEY_RW | KEY_OW | KEY_RM);
            ck_assert_int_eq(__builtin_popcount(kinds), 1);
            bool writes = (command->flags & COMMAND_WRITES) != 0;
            ck_assert_msg(writes || kinds == KEY_RO, "%s", command->name);
            ck_assert_uint_ge(command->key_specs[j].step, 1);
        }
        bool both = (command->flags & COMMAND_READS) != 0 && (command->flags & COMMAND_WRITES) != 0;
        ck_assert_msg(!both, "%s", command->name);
    }
}

enum { NESTED_MAX = 32 };

/* How many words a request has at least. From the last argument on, so that children are
 * known before their parents. */
static uint32_t least_words(const struct command *command)
{
    uint32_t total = 0;
    uint32_t known[NESTED_MAX];
    uint32_t count = 0;
    uint32_t all = 0;
    for (uint32_t left = command->argument_count; left > 0; left--) {
        left += command->arguments[all++].children;
    }
    while (all-- > 0) {
        const struct command_argument *argument = &command->arguments[all];
        uint32_t least = argument->children == 0 && argument->type != ARGUMENT_TOKEN;
        for (uint32_t i = 0; i < argument->children; i++) {
            // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): children come first.
            uint32_t child = known[--count];
            bool adds = argument->type == ARGUMENT_BLOCK;
            least = adds ? least + child : i == 0 || child < least ? child : least;
        }
        least += argument->token != NULL;
        ck_assert_uint_lt(count, NESTED_MAX);
        known[count++] = argument->is_optional ? 0 : least;
    }
    while (count > 0) {
        total += known[--count];
    }
    return total;
}

TEST(arity_and_usage_agree)
{
    for (uint32_t i = 0; i < command_table.count; i++) {
        const struct command *command = &command_table.rows[i];
        if (!command_is_container(command)) {
            uint32_t words = command->container == NULL ? 1 : 2;
            ck_assert_msg(command->argc_min == words + least_words(command),
                          "%s: the usage has %u words at least", command->name,
                          words + least_words(command));
        }
    }
}
