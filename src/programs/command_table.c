#include "programs/command_table.h"

#include "admin/admin.h"
#include "handlers/handlers.h"
#include "programs/command_slots.h" // Made by tools/commands.c.

#define ROW_AT(index)         (&commands[index])
#define ROW_HANDLER(function) function
#define ROW_DERIVED(name)                                                                          \
    .key_at = KEY_AT_##name, .subcommands = SUBCOMMANDS_##name, .arguments = ARGUMENTS_##name,     \
    .argument_count = ARGUMENTS_TOP_##name
#include "command/rows.h"

#include <assert.h>

enum {
#define COMMAND    ROW_INDEX
#define CONTAINER  ROW_INDEX_CONTAINER
#define SUBCOMMAND ROW_INDEX_SUBCOMMAND
#include "programs/commands.def"
#undef COMMAND
#undef CONTAINER
#undef SUBCOMMAND
    COMMANDS
};

static const struct command commands[COMMANDS] = {
#define COMMAND    ROW_COMMAND
#define CONTAINER  ROW_CONTAINER
#define SUBCOMMAND ROW_SUBCOMMAND
#include "programs/commands.def"
#undef COMMAND
#undef CONTAINER
#undef SUBCOMMAND
};

static_assert(sizeof(command_words) / sizeof(command_words[0]) == COMMANDS,
              "command_slots.h is made from the same rows");

const struct command_table command_table = {
    .rows = commands,
    .count = COMMANDS,
    .top_count = COMMANDS_TOP,
    .lookup_shift = 64 - COMMAND_SLOT_BITS,
    .lookup_multiplier = COMMAND_MULTIPLIER,
    .slots = command_slots,
    .words = command_words,
};
